"""Plans of encrypted second moments: everything about the circuit that is decided before it runs.

Pure Python: the custodian reads answers with it.

The circuit computes X^T X (upper triangle, with the diagonal) and X^T V over all records, d features with the bias and
m label columns, as ciphertexts of up to N numbers each. Records lie on the grid of `record_grid` and labels are whole
multiples of 1/c, so every number is a whole multiple of a known *unit*: 2^-24 for X^T X, 1 / (c 2^r) for X^T V with
r = 24 - ceil(log2 c) (of which the multiples of 1 / (c 2^12) are some). Decryption rounds to units and thereby removes
the error of the scheme altogether.

Rules kept here:
  1. A plan is a pure function of public numbers, and exists only where rounding is exact for any records that the norm
     check admits and that lie on the grid: the proven error is below half a unit. Otherwise `PlanRefused` says what
     lacks.
  2. No number wraps around: what is packed, the largest sum and the noise included, stays below half the modulus.
  3. The order of numbers is part of the plan. Pairs go by tiles of `GROUP` x `GROUP` features, so that whoever computes
     a ciphertext holds few columns at a time.

Proof of exactness. Write ||.|| for l2 norms over records (two to a slot, real and imaginary parts being numbers of
their own), s for the input scale, X_j for a column with error d_j, ||d_j|| <= D from `NoiseModel` (encryption and
encoding), ||X_j|| <= sqrt(n) (1 + eta). The circuit multiplies X_j by conj(lift X_k) at level 2; conjugation adds an
error of norm C to X_k, one key switching at scale s * lift. Labels are uploaded conjugated and only lifted.
  - A sum over records is wrong by at most ||X_j|| (D + C) + ||X_k|| D + D (D + C), which is at most
    2 sqrt(n) (1 + eta) (D + C) + D (D + C).
  - Label columns hold the double nearest to v: n 2^-53 at most.
  - Rescaling a product of three polynomials errs by (r0 + r1 s + r2 s^2) / q with |r| <= q/2: norm at most
    sqrt(N)/2 (1 + |s|_can + |s|_can^2). It is relinearised and packed at level 1: each leaf and node one key switching
    more. Packed coefficients hold 2 * product_scale times the sums, and the errors of leaves and nodes grow at most by
    `packing.error_growth`.
  - If the key was rotated, every answer is switched once more, after packing.
The three events of `bounds` are the only randomness; outside them, of probability 2^-40 over keys and encryption, every
number is within half a unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Final

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.norm_plan import plan_norm_check
from secure_ds.ckks.packing import error_growth, positions
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.record_grid import GRID_BITS

PLAN_FORMAT: Final = "secure-ds/ckks-statistics-plan/1"
DATA_PRIMES_NEEDED: Final = 3
PRODUCT_LEVEL: Final = 2
ANSWER_LEVEL: Final = 1
GROUP: Final = 64
NOISE_TAIL: Final = 16  # deviations of noise that still fit
NOISE_ROOM: Final = 2**20  # what sums leave for noise, in records' own units
ROUNDING_SLACK: Final = 4
"""Units by which rounding may move a number further than records do, whatever was uploaded (`decryption`)."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """One ciphertext of the statistics.

    Attributes:
        pairs: the columns that are multiplied, in order: (j, k) with features j <= k, or (j, d + i) for label column i.
        unit: the integers of a packed coefficient that one unit of the statistic takes; exact.
        units_per_one: units in one, the statistic being in records' own units.
    """

    pairs: tuple[Pair, ...]
    unit: Fraction
    units_per_one: int


@dataclass(frozen=True)
class StatisticsPlan:
    """The encrypted second moments of a job's data, planned. Make it with `plan_statistics`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_features: feature columns, the bias included, d.
        n_classes: classes of the label.
        n_blocks: ciphertexts per column.
        eta: tolerance of the norm check.
        keying: how the columns were encrypted, and whether answers change the key.
        lift: whole number that lifts columns above the noise of conjugation.
        error: proven bound on the error of any number, in records' own units.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_features: int
    n_classes: int
    n_blocks: int
    eta: float
    keying: Keying
    lift: int
    error: float

    @property
    def n_labels(self) -> int:
        """Label columns: one for two classes, else one for each class."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def lifted_scale(self) -> float:
        """Scale of a lifted column."""
        return self.input_scale * self.lift

    @cached_property
    def exact_product_scale(self) -> Fraction:
        """Scale of products at level 1."""
        return Fraction(self.input_scale) ** 2 * self.lift / self.parameters.data_primes[PRODUCT_LEVEL]

    @property
    def product_scale(self) -> float:
        """Scale that products and answers state."""
        return float(self.exact_product_scale)

    @property
    def moment_units(self) -> int:
        """Units of X^T X in one."""
        return 1 << 2 * GRID_BITS

    @property
    def label_units(self) -> int:
        """Units of X^T V in one."""
        return self.n_classes << 2 * GRID_BITS - (self.n_classes - 1).bit_length()

    @property
    def n_moments(self) -> int:
        """Numbers of X^T X: d (d + 1) / 2."""
        return self.n_features * (self.n_features + 1) // 2

    @property
    def count(self) -> int:
        """Numbers in all."""
        return self.n_moments + self.n_features * self.n_labels

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The ciphertexts, in order: those of X^T X, then those of X^T V."""
        kinds = (
            (moment_pairs(self.n_features), self.moment_units),
            (label_pairs(self.n_features, self.n_labels), self.label_units),
        )
        return tuple(
            Part(pairs, 2 * self.exact_product_scale / units, units)
            for all_pairs, units in kinds
            for pairs in _even(all_pairs, self.parameters.poly_modulus_degree)
        )

    def positions(self, part: Part) -> tuple[int, ...]:
        """Return the coefficient that holds each number of a part."""
        return positions(self.parameters.poly_modulus_degree, len(part.pairs))

    @property
    def answer_bytes(self) -> int:
        """Size of all ciphertexts."""
        return len(self.parts) * ciphertext_bytes(self.parameters, ANSWER_LEVEL)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: inputs, and what follows from them, for readers."""
        return {
            "format": PLAN_FORMAT,
            "parameters": self.parameters.to_json(),
            "input_scale": self.input_scale.hex(),
            "n_records": self.n_records,
            "n_features": self.n_features,
            "n_classes": self.n_classes,
            "n_blocks": self.n_blocks,
            "eta": self.eta.hex(),
            "keying": self.keying.to_json(),
            "grid_bits": GRID_BITS,
            "lift": str(self.lift),
            "error": self.error.hex(),
        }


def plan_statistics(
    parameters: Parameters,
    *,
    input_scale: float,
    n_records: int,
    n_features: int,
    n_classes: int,
    n_blocks: int,
    eta: float,
    keying: Keying = FRESH,
) -> StatisticsPlan:
    """Plan the statistics of a data set, or say why they cannot be had exactly.

    Args:
        parameters: the CKKS parameters; at least three data primes.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * N.
        n_features: feature columns, bias included.
        n_classes: classes of the label, 2 or more.
        n_blocks: ciphertexts per column.
        eta: tolerance of the norm check.
        keying: how the columns were encrypted, and whether answers change the key.

    Raises:
        PlanRefused: `reason` is ``too_few_levels``, ``no_head_room``, ``statistics_not_exact``, or one of
            `plan_norm_check`'s.
    """
    present = len(parameters.data_primes)
    if present < DATA_PRIMES_NEEDED:
        raise PlanRefused(
            "too_few_levels", f"statistics need {DATA_PRIMES_NEEDED} levels, the parameters have {present}"
        )
    plan_norm_check(
        parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=n_features,
        n_labels=1 if n_classes == 2 else n_classes,
        n_blocks=n_blocks,
        eta=eta,
        encryption=keying.encryption,
    )
    lift = _lift(parameters, input_scale, n_records, eta)
    plan = StatisticsPlan(parameters, input_scale, n_records, n_features, n_classes, n_blocks, eta, keying, lift, 0.0)
    error = _error(plan)
    finest = max(plan.moment_units, plan.label_units)
    if not error * finest < 0.5:
        raise PlanRefused(
            "statistics_not_exact",
            f"statistics are proven within {error * finest:.3g} of their unit, rounding them exactly needs 0.5: encrypt"
            f" with an input scale {math.ceil(math.log2(2 * error * finest))} bits larger (a profile for statistics)",
        )
    return StatisticsPlan(parameters, input_scale, n_records, n_features, n_classes, n_blocks, eta, keying, lift, error)


def check_headroom(plan: StatisticsPlan, sigma: float) -> None:
    """Refuse noise that would make answers wrap around.

    Args:
        plan: the plan.
        sigma: the largest deviation of noise on any number, in records' own units.

    Raises:
        PlanRefused: ``no_head_room``.
    """
    largest = plan.n_records * (1 + plan.eta) ** 2 + 1 + NOISE_TAIL * sigma
    if not 4 * plan.exact_product_scale * Fraction(largest) < plan.parameters.modulus(ANSWER_LEVEL):
        raise PlanRefused("no_head_room", f"noise of deviation {sigma:g} does not fit beside {plan.n_records} records")


def n_parts(parameters: Parameters, n_features: int, n_classes: int) -> int:
    """Return how many ciphertexts hold the statistics of d features and c classes."""
    degree, labels = parameters.poly_modulus_degree, 1 if n_classes == 2 else n_classes
    return -(-n_features * (n_features + 1) // 2 // degree) + -(-n_features * labels // degree)


def require_uploadable(plan: StatisticsPlan) -> None:
    """Refuse statistics that an owner cannot encrypt exactly: coefficients pass through two transforms in doubles.

    Each errs by at most 2^-46 of the l2 norm of all coefficients, which is at most n units times 2^24; encryption adds
    less than 2^-30 of a unit at the scale of products.

    Raises:
        PlanRefused: ``statistics_not_exact``.
    """
    if not plan.n_records * 2.0**-20 < 0.5:
        raise PlanRefused(
            "statistics_not_exact", f"statistics of {plan.n_records} records cannot be encrypted exactly; 2^19 at most"
        )


@lru_cache(maxsize=8)
def moment_pairs(n_features: int) -> tuple[Pair, ...]:
    """Return the pairs (j, k), j <= k, by tiles: groups of j, groups of k, then rows and columns within."""
    starts = range(0, n_features, GROUP)
    return tuple(
        (j, k)
        for first in starts
        for second in starts[first // GROUP :]
        for j in range(first, min(first + GROUP, n_features))
        for k in range(max(j, second), min(second + GROUP, n_features))
    )


def label_pairs(n_features: int, n_labels: int) -> tuple[Pair, ...]:
    """Return the pairs (j, d + i), j slowest."""
    return tuple((j, n_features + i) for j in range(n_features) for i in range(n_labels))


def _even(pairs: tuple[Pair, ...], largest: int) -> Iterator[tuple[Pair, ...]]:
    """Cut into as few pieces of at most `largest` as there can be, as even as they can be: equal work for processes."""
    pieces = -(-len(pairs) // largest)
    for piece in range(pieces):
        yield pairs[piece * len(pairs) // pieces : (piece + 1) * len(pairs) // pieces]


def _lift(parameters: Parameters, input_scale: float, n_records: int, eta: float) -> int:
    """Return the largest power of two at which sums stay below a quarter of the modulus, `NOISE_ROOM` left aside."""
    largest = Fraction(4 * (n_records * (1 + eta) ** 2 + 1)) + NOISE_ROOM
    unlifted = Fraction(input_scale) ** 2 / parameters.data_primes[PRODUCT_LEVEL]
    room = math.floor(Fraction(parameters.modulus(ANSWER_LEVEL)) / (4 * unlifted * largest))
    if room < 1:
        raise PlanRefused(
            "no_head_room",
            f"sums over {n_records} records wrap around at an input scale of 2^{math.log2(input_scale):g}",
        )
    return 1 << room.bit_length() - 1


def _error(plan: StatisticsPlan) -> float:
    """Bound the error of any number: see the module's proof, term by term."""
    columns = plan.n_features + 1 + plan.n_labels
    noise = NoiseModel(plan.parameters, n_columns=columns, n_blocks=plan.n_blocks, keying=plan.keying)
    one_column = NoiseModel(plan.parameters, n_columns=1, n_blocks=plan.n_blocks)
    encoding = one_column.encoding_operator(plan.n_records, plan.input_scale)
    column = (noise.encryption_operator + encoding) / plan.input_scale
    conjugation = noise.slot_factor * math.sqrt(plan.n_blocks) * noise.key_switching(PRODUCT_LEVEL) / plan.lifted_scale
    length = math.sqrt(plan.n_records) * (1 + plan.eta)
    in_sums = (2 * length + column) * (column + conjugation) + plan.n_records * 2.0**-53
    return in_sums + _packing_error(plan, noise) + _rotation_error(plan, noise)


def _rotation_error(plan: StatisticsPlan, noise: NoiseModel) -> float:
    return noise.key_switching(ANSWER_LEVEL) / (2 * plan.product_scale) if plan.keying.rotated else 0.0


def _packing_error(plan: StatisticsPlan, noise: NoiseModel) -> float:
    degree = plan.parameters.poly_modulus_degree
    half_root = math.sqrt(degree) / 2
    secret = noise.rounding / half_root - 1
    leaf = half_root * (1 + secret + secret**2) + noise.key_switching(ANSWER_LEVEL)
    return error_growth(degree, min(degree, plan.count)) * leaf / (2 * plan.product_scale)
