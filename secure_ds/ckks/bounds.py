"""Proven bounds on CKKS noise, uniform over data, weights and steps.

Rules kept here:
  1. A bound holds for *every* record set the norm check admits and every weight vector of norm at most R, chosen with
     full knowledge of the noise. Nothing is assumed independent of the noise, no rounding error is assumed random.
  2. Probability enters only through the secret key, the noise of the keys and the noise of encryption, all drawn once
     per data set. Four events of probability at most 2**-FAILURE_BITS each cover them, so all of them 2**-40 at most.
  3. Inequalities only ever go up.

Notation. R = Z[X]/(X^N + 1). For a in R: ||a|| is the l2 norm of its coefficients and |a|_can the largest modulus of
its N embeddings a(zeta). Multiplication by a is diagonal in the embeddings, so ||a b|| <= |a|_can ||b||. The N/2 slots
are the embeddings up to conjugation, so their l2 norm is sqrt(N/2) ||a||.

Sub-Gaussian facts. X is sub-Gaussian with proxy v when E exp(tX) <= exp(v t^2 / 2).
  - A uniform ternary coefficient has proxy 2/3: (1 + 2 cosh t)/3 <= exp(t^2/3), term by term.
  - SEAL's error (difference of two sums of 21 bits) has proxy 42/4 = 10.5: cosh(t/2)^42 <= exp(42 t^2 / 8). A clipped
    Gaussian of deviation 3.2, SEAL's other build option, has a smaller one.
  - For a with independent coefficients of proxy v, Re(exp(i theta) a(zeta)) has proxy v N/2 (the squared cosines sum
    to N/2 at an odd root of unity). |a(zeta)| is at most 1/cos(pi/16) times the largest of 16 such directions. A union
    over the N/2 slots and `count` polynomials gives `embedding_bound`.
  - For E of independent entries of proxy v, m x d, a fixed unit vector w and a fixed matrix A, Hsu, Kakade and Zhang
    (2012, theorem 2.1) give ||A E w||^2 <= v (tr S + 2 sqrt(tr S^2 t) + 2 |S| t), S = A^T A, except with probability
    exp(-t). A net of the sphere of fineness 1/10 has at most 21^d points, and ||A E|| <= max over the net /
    (1 - 1/10): `_operator`.

Encryption with the secret key leaves independent errors: A is the identity. With a public key (b, a) SEAL encrypts
modulo q P, (u b + e_0, u a + e_1) with u ternary, and divides by P, rounding. The error is (u e + e_0 + e_1 s)/P, tiny,
plus r_0 + r_1 s with |r| <= 1/2. Under Ring-LWE r_1 cannot be told from uniform values (of proxy 1/12) independent of
everything; and whoever chose s can see whether a bound on it fails, so that a bound proven for uniform r_1 fails no
more often, up to the advantage against Ring-LWE, on which the scheme rests anyhow. (This is the one place where a
rounding counts as random; it is the owner's own, made before anybody sees the ciphertext.) So A is multiplication by s:
tr S is m ||s||^2, |S| is |s|_can^2, and tr S^2 <= |S| tr S. Nothing is assumed of r_0.

Rounding. Rescaling by q and the last part of key switching turn (c0, c1) into (c0 - r0, c1 - r1)/q with |r| <= q/2, an
error r0/q + (r1/q) s of norm at most sqrt(N)/2 (1 + |s|_can), whatever r0 and r1 are: `rounding`. A third polynomial
adds (r2/q) s^2: `product_rounding`.

Key switching from level l (Han and Ki 2020, SEAL's variant): the error is sum_i d_i e_i / P plus one rounding, with
digits 0 <= d_i < q_i, so its norm is at most |e|_can sqrt(N) (q_0 + ... + q_l)/P + rounding: `key_switching`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from secure_ds.ckks.input_files import SYMMETRIC_SEEDED
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.parameters import Parameters

FAILURE_BITS = 42  # each of four events; the union stays below 2**-40
ERROR_PROXY = 42 / 4
SECRET_PROXY = 2 / 3
_ROUNDING_PROXY = 1 / 12  # of a value uniform in +-1/2
_LARGEST_ERROR = 21
_DIRECTIONS = 16
_NET_FINENESS = 0.1
_MOST_ROTATIONS = 64  # keys that one line of them may have had: a union bound over so many costs next to nothing
FFT_RELATIVE_ERROR = 8 * 2.0**-53  # per butterfly stage of SEAL's double-precision transform


@dataclass(frozen=True)
class NoiseModel:
    """Bounds for one ring and one shape of data set; all in units of coefficients, unscaled.

    Attributes:
        parameters: the CKKS parameters.
        n_columns: encrypted columns (features and label).
        n_blocks: ciphertexts per column.
        keying: how the columns were encrypted, and whether answers change the key.
    """

    parameters: Parameters
    n_columns: int
    n_blocks: int
    keying: Keying = FRESH

    @property
    def _degree(self) -> int:
        return self.parameters.poly_modulus_degree

    @property
    def slot_factor(self) -> float:
        """sqrt(N/2): l2 norm of the slots per l2 norm of the coefficients."""
        return math.sqrt(self._degree / 2)

    @property
    def rounding(self) -> float:
        """Bound the norm of the error of one rescaling."""
        return math.sqrt(self._degree) / 2 * (1 + self._secret_embedding)

    @property
    def product_rounding(self) -> float:
        """Bound the norm of the error of rescaling a product of three polynomials, before it is relinearised."""
        secret = self._secret_embedding
        return math.sqrt(self._degree) / 2 * (1 + secret + secret**2)

    def key_switching(self, level: int) -> float:
        """Bound the norm of the error of one relinearisation or automorphism at `level`."""
        digits = sum(self.parameters.data_primes[: level + 1]) / self.parameters.special_prime
        return self._key_embedding * math.sqrt(self._degree) * digits + self.rounding

    def answer(self, level: int) -> float:
        """Bound the norm of what the last rescaling and a rotation of the key add to an answer at `level`."""
        return self.rounding + (self.key_switching(level) if self.keying.rotated else 0)

    def places(self, n_records: int, eta: float, slope: float = 0.0, rho: float = 1.0) -> float:
        """Count places as norms must: those with a record as 1, those without by what the check may overlook there.

        The norm check admits |x|^2 and |v|^2 of 5 eta / 16 where no record is, of an owner who means it. A residual
        there is at most `slope` |x| + |v|, against `rho` of a record. So columns have squared norm at most this times
        (1 + eta)^2, and residuals at most this times rho^2.
        """
        absent = self.n_blocks * self._degree - n_records
        return n_records + absent * 5 * eta / 16 * max(1.0, ((slope + 1) / rho) ** 2)

    @property
    def encryption_operator(self) -> float:
        """Bound sup over unit w of ||slots of sum_j w_j e_j|| over all blocks, e_j the encryption errors."""
        if self.keying.encryption == SYMMETRIC_SEEDED:
            return self.slot_factor * self._operator(ERROR_PROXY, square=1, largest=1)
        secret = self._secret_embedding
        rounded = self._operator(_ROUNDING_PROXY, square=self._secret_square, largest=secret**2)
        before = math.sqrt(self._degree) * (self._key_embedding + _LARGEST_ERROR * (1 + secret))
        each = math.sqrt(self._degree) / 2 + before / self.parameters.special_prime
        return self.slot_factor * (rounded + math.sqrt(self.n_columns * self.n_blocks) * each)

    def encoding_operator(self, n_records: int, scale: float) -> float:
        """The same for the errors of encoding at `scale`: half a unit per coefficient, and the transform in doubles.

        These do not depend on any secret.
        """
        half_units = math.sqrt(self.n_columns * self.n_blocks * self._degree) / 2
        stages = math.log2(self._degree)
        transform = FFT_RELATIVE_ERROR * stages * math.sqrt(2 * n_records) * scale
        return self.slot_factor * half_units + transform

    def input_errors(self, n_records: int, scale: float) -> tuple[float, float]:
        """Return both bounds in units of the records: of the encryption errors, and of those of encoding."""
        return self.encryption_operator / scale, self.encoding_operator(n_records, scale) / scale

    def _operator(self, proxy: float, square: float, largest: float) -> float:
        """Bound ||A E w|| for all unit w, E of independent entries, A block-diagonal with one polynomial's products.

        Args:
            proxy: of the entries of E.
            square: squared norm of the polynomial's coefficients, tr S per row of E.
            largest: |S|, its largest squared embedding.
        """
        trace = self.n_blocks * self._degree * square
        exponent = self.n_columns * math.log(1 + 2 / _NET_FINENESS) + FAILURE_BITS * math.log(2)
        total = trace + 2 * math.sqrt(trace * largest * exponent) + 2 * largest * exponent
        return math.sqrt(proxy * total) / (1 - _NET_FINENESS)

    @property
    def _secret_embedding(self) -> float:
        """Bound |s|_can."""
        return embedding_bound(self._degree, SECRET_PROXY, count=_MOST_ROTATIONS if self.keying.rotated else 1)

    @property
    def _secret_square(self) -> float:
        """Bound ||s||^2, the number of coefficients that are not 0 (Hoeffding 1963)."""
        return 2 * self._degree / 3 + math.sqrt(self._degree * FAILURE_BITS * math.log(2) / 2)

    @property
    def _key_embedding(self) -> float:
        """Bound |e|_can over the errors of all public keys of a data set."""
        relinearisation = len(self.parameters.data_primes) + 2
        conjugation = len(self.parameters.data_primes)
        automorphisms, public = 2 * (1 + self._degree.bit_length()) + 3 * 3, 1
        rotation = 2 * _MOST_ROTATIONS if self.keying.rotated else 0
        count = relinearisation + conjugation + automorphisms + rotation + public
        return embedding_bound(self._degree, ERROR_PROXY, count)


class Noiseless(NoiseModel):
    """The same ring without the noise of any key: what is left of a bound then has no secret in it."""

    @property
    def rounding(self) -> float:
        """Nothing: rescaling errs by a public rounding and by one times the secret; the bound keeps both."""
        return 0.0

    @property
    def product_rounding(self) -> float:
        """Nothing, likewise."""
        return 0.0

    def key_switching(self, level: int) -> float:
        """Nothing."""
        return 0.0

    def answer(self, level: int) -> float:
        """Nothing."""
        return 0.0


def evaluation_error(step: Any, secret: float, other: float) -> float:
    """Bound that part of an answer's error which depends on secrets, products with public errors included.

    Args:
        step: a circuit's proof: a dataclass with a `noise` model and a `bound`, given that of the columns' error.
        secret: bound on the columns' error that comes from encryption.
        other: bound on the rest of it, from encoding, which depends on no secret.
    """
    noise: NoiseModel = step.noise
    quiet = Noiseless(noise.parameters, noise.n_columns, noise.n_blocks, noise.keying)
    whole: float = step.bound(secret + other)
    public: float = replace(step, noise=quiet).bound(other)
    return whole - public


def embedding_bound(degree: int, proxy: float, count: int) -> float:
    """Bound |a|_can for `count` random polynomials together, except with probability 2**-FAILURE_BITS."""
    events = math.log(_DIRECTIONS * degree / 2 * count) + FAILURE_BITS * math.log(2)
    return math.sqrt(proxy * degree * events) / math.cos(math.pi / _DIRECTIONS)
