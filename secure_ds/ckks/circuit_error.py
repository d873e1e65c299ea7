"""How far a packed answer can be from the same arithmetic in the clear: the proof of a plan's `beta`.

Rules kept here:
  1. Every term of the proof below is one line of code, and no line adds anything else.
  2. Bounds are l2 norms over all released numbers, uniform over data and weights; see `bounds` for what is random.

Let d_X be the error of the columns (encryption, encoding) as an operator on weights and labels, from
`NoiseModel`, relative to the input scale; ||X|| <= sqrt(n) (1 + eta) since rows are bounded. All norms are l2. A slot
with two records is a pair of reals of the same l2 norm, and the answer is Re(sum r x) with r = r1 - J r2 and
x = x1 + J x2: an error dr of r meets the columns as a pair as well, and no bound below sees how records are paired.
  - Columns in the product:   ||sum r_i d_i|| <= ||r|| ||d_X|| <= rho sqrt(n) ||d_X||.
  - Columns through z:        d_z = radius ||d_X|| over both records of every slot.
  - The split: z + conj(z) and -J (z - conj(z)) are exact but for one key switching per block, the same in both halves,
    g_1 in units of their scale: 2 sqrt(blocks) g_1 over both halves, and no more of it in r1 - J r2 than max|p'| times.
  - Through the cubic:        ||dr|| <= max|p'| d, with d = d_z and the split's error, and the remainder of Taylor's
    formula, at most 3 |c3| z_max d^2 + |c3| d^3, for both records of a slot together. z_max covers |z| + d.
  - Columns through v:        ||dr|| <= ||d_X||.
  - The square: key switching and rescaling leave at most g_2 in the slots of each z^2 per block, |c3| z_max g_2 in
    each r, twice that in r1 - J r2.
  - The cube: key switching, then one rounding for each prime dropped: g_3 per block, once, since the halves have met.
    Blocks add in quadrature: dr has norm at most sqrt(blocks) (2 |c3| z_max g_2 + g_3) more.
  - All of dr meets the columns: ||sum dr_i x_i|| <= ||dr|| (||X|| + ||d_X||).
  - Packing: every leaf and node adds one key switching; together they leave `packing.error_growth` of them at most,
    over twice the product scale.
  - The last rescaling: one rounding, over the answer's scale; one key switching if the key was rotated.
  - Constants: the two integers of `scales` are rounded to whole ones. Half a unit in C is |c3| |z| / (2 square scale)
    in r, half a unit in M is |v| / (2 M); either meets n rows.
  - Doubles: scales are within 2**-52 of the exact ones; the planner's FLOAT_SLACK times the largest answer covers it.
The errors of *encoding*, of constants and of doubles depend on no secret: they belong to `beta` (what a
record may change) and not to `evaluation_error` (what an answer may reveal of the key).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.layers.activation import CubicSigmoid
from secure_ds.ckks.packing import error_growth
from secure_ds.ckks.scales import Scales


@dataclass(frozen=True)
class StepError:
    """The numbers the proof speaks of.

    Attributes:
        noise: noise of the ring and the shape of the data set.
        scales: scale of every value of the step.
        sigmoid: the cubic.
        n_records: n.
        n_features: d.
        radius: bound on the norm of the weights.
        eta: tolerance of the norm check.
        z_max: bound on |z| for columns as they were encrypted.
        rho: bound on |r|.
    """

    noise: NoiseModel
    scales: Scales
    sigmoid: CubicSigmoid
    n_records: int
    n_features: int
    radius: float
    eta: float
    z_max: float
    rho: float

    def bound(self, input_error: float) -> float:
        """Bound the error of an answer, given ||d_X|| <= `input_error`, in units of the gradient sum."""
        columns = (1 + self.eta) * math.sqrt(self.n_records) + input_error
        in_product = self.rho * math.sqrt(self.n_records) * input_error
        residual = self._through_cubic(input_error) + input_error + self._residual_noise()
        return in_product + residual * columns + self._packing_noise() + self.noise.answer(0) / self.scales.answer

    def rounded_constants(self) -> float:
        """Bound what the whole numbers in place of the circuit's two constants change, in units of the gradient sum."""
        in_factor = -self.sigmoid.cubic * self._noisy_z_max / self.scales.square
        in_label = self.scales.inputs / self.scales.cubic
        return self.n_records * (1 + self.eta) * (in_factor + in_label) / 2

    def _through_cubic(self, input_error: float) -> float:
        cubic, error = -self.sigmoid.cubic, self.radius * input_error + self._split_noise
        remainder = 3 * cubic * self.z_max * error**2 + cubic * error**3
        return self.sigmoid.steepest(self.z_max) * error + remainder

    @property
    def _split_noise(self) -> float:
        noise = self.noise
        switching = noise.key_switching(len(noise.parameters.data_primes) - 1)
        return 2 * math.sqrt(noise.n_blocks) * noise.slot_factor * switching / self.scales.half

    @property
    def _noisy_z_max(self) -> float:
        return self.z_max + self._split_noise

    def _residual_noise(self) -> float:
        noise = self.noise
        squares = 2 * -self.sigmoid.cubic * self._noisy_z_max * self._square_noise()
        return math.sqrt(noise.n_blocks) * noise.slot_factor * (squares + self._cube_noise())

    def _square_noise(self) -> float:
        primes = self.noise.parameters.data_primes
        switching = self.noise.key_switching(len(primes) - 1) / primes[-1]
        return (switching + self.noise.rounding) / self.scales.square

    def _cube_noise(self) -> float:
        primes = self.noise.parameters.data_primes
        switching = self.noise.key_switching(len(primes) - 2) / self.scales.cubic
        dropped = primes[2:-1]
        after = (self.scales.residual * math.prod(dropped[:later]) for later in range(len(dropped)))
        return switching + sum(self.noise.rounding / scale for scale in after)

    def _packing_noise(self) -> float:
        degree = self.noise.parameters.poly_modulus_degree
        return error_growth(degree, self.n_features) * self.noise.key_switching(1) / (2 * self.scales.product)
