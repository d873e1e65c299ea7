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
  - Grouped products: a group of G features is sum_i g_i(r) p_i over its G images and combinations of columns
    (`packing`), and over blocks. Grouping a column is G - 1 key switchings at most (each of log2(G) nodes adds two
    errors and one): e = (G - 1) key switchings over the scale of columns. An image of r is log2(G) of them at most:
    f over the scale of r. As polynomials, ||g_i(r) e|| <= |r|_can e with |r|_can <= sqrt(2) (rho + ||dr||), two records
    to a slot, and ||f p_i|| <= |p_i|_can f. One slot of p_i sees one slot of each of the G columns, so that |p_i|_can
    <= sqrt(G) (sqrt(2) (1 + eta) + ||d_X||), and of e at most sqrt(N) e more: |a|_can <= sqrt(N) ||a||.
  - Relinearisation is one key switching more a group, rescaling to the tree's level one rounding.
  - Packing: what every group brings grows as `packing.input_growth` says, and one key switching for each node of the
    tree no further; the answer's unit is twice the packed scale.
  - The last rescaling: one rounding, over the answer's scale (counted also where there is none, and is nothing); one
    key switching if the key was rotated.
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
from secure_ds.ckks.packing import group_size, input_growth
from secure_ds.ckks.scales import PRODUCT_LEVEL, TREE_LEVEL, Scales


@dataclass(frozen=True)
class StepError:
    """The numbers the proof speaks of.

    Attributes:
        noise: noise of the ring and the shape of the data set.
        scales: scale of every value of the step.
        sigmoid: the cubic.
        places: n, and what the norm check may overlook beside it (`NoiseModel.places`).
        n_features: d.
        radius: bound on the norm of the weights.
        eta: tolerance of the norm check.
        z_max: bound on |z| for columns as they were encrypted.
        rho: bound on |r|.
        answer_level: level of the answer: 0, or that of the tree.
    """

    noise: NoiseModel
    scales: Scales
    sigmoid: CubicSigmoid
    places: float
    n_features: int
    radius: float
    eta: float
    z_max: float
    rho: float
    answer_level: int

    def bound(self, input_error: float) -> float:
        """Bound the error of an answer, given ||d_X|| <= `input_error`, in units of the gradient sum."""
        columns = (1 + self.eta) * math.sqrt(self.places) + input_error
        in_product = self.rho * math.sqrt(self.places) * input_error
        residual = self._through_cubic(input_error) + input_error + self._residual_noise()
        packed = self._packing_noise(self.rho + residual, input_error)
        return in_product + residual * columns + packed + self._answer_noise()

    def rounded_constants(self) -> float:
        """Bound what the whole numbers in place of the circuit's two constants change, in units of the gradient sum."""
        in_factor = -self.sigmoid.cubic * self._noisy_z_max / self.scales.square
        in_label = self.scales.inputs / self.scales.cubic
        return self.places * (1 + self.eta) * (in_factor + in_label) / 2

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
        dropped = primes[PRODUCT_LEVEL + 1 : -1]
        after = (self.scales.residual * math.prod(dropped[:later]) for later in range(len(dropped)))
        return switching + sum(self.noise.rounding / scale for scale in after)

    def _packing_noise(self, largest_residual: float, input_error: float) -> float:
        degree, group = self.noise.parameters.poly_modulus_degree, group_size(self.n_features)
        growth = input_growth(degree // group, -(-self.n_features // group))
        products = self.noise.n_blocks * group * self._grouped_product_noise(largest_residual, input_error)
        relinearised = self.noise.key_switching(PRODUCT_LEVEL) / self.scales.product
        rescaled = self.noise.rounding / self.scales.packed
        nodes = self.noise.key_switching(TREE_LEVEL) / self.scales.packed
        return growth * (products + relinearised + rescaled + nodes) / 2

    def _grouped_product_noise(self, largest_residual: float, input_error: float) -> float:
        """Bound the norm of what one image of r times one combination of columns adds."""
        degree, group = self.noise.parameters.poly_modulus_degree, group_size(self.n_features)
        switching = self.noise.key_switching(PRODUCT_LEVEL)
        in_column = (group - 1) * switching / self.scales.columns
        in_image = (group.bit_length() - 1) * switching / self.scales.residual
        combination = math.sqrt(group) * (math.sqrt(2) * (1 + self.eta) + input_error) + math.sqrt(degree) * in_column
        return math.sqrt(2) * largest_residual * in_column + combination * in_image

    def _answer_noise(self) -> float:
        return self.noise.answer(self.answer_level) / self.scales.answer
