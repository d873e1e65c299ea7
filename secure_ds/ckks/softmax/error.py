"""How far an answer of the softmax circuit can be from the same arithmetic in the clear: the proof of its `beta`.

Rules kept here:
  1. Every term of the proof below is one line of code, and no line adds anything else.
  2. Bounds are l2 norms over all released numbers, uniform over data and weights; see `bounds` for what is random.

Let D be the error of all columns (encryption, encoding), ||D|| its operator norm from `NoiseModel`, relative to the
input scale, and X, V, R = a X W^T - V the records, labels and residuals as matrices with a row for each record. The
answer is R^T X. ||X||_F <= sqrt(n) (1 + eta) and ||R||_F <= rho sqrt(n), since rows are bounded. Norms of products:
||A B||_F <= ||A||_F ||B||. Pairs of records in a slot are a reordering that no norm here sees.
  - Columns in the product:   ||R^T D||_F <= rho sqrt(n) ||D||.
  - Columns through z and v:  dR = D M with M = [a W, -I]^T, ||M|| <= sqrt(a^2 radius^2 + 1), so that it meets the
    columns as ||M^T D^T (X + D)||_F <= ||M|| ||D|| (||X||_F + ||D||_F), whatever c; ||D||_F <= sqrt(d) ||D||.
  - Conjugation of z: one key switching at level 2 for each class and block, in quadrature, over the scale of r. It
    meets the columns' operator norm, at most ||X||_F + ||D||.
  - Grouped products: a group of G features is sum_i g_i(r) p_i over its G images and combinations of columns
    (`packing`), and over blocks. Grouping a column is G - 1 key switchings at most: e, over the scale of columns. An
    image of r is log2(G) of them at most: f, over the scale of r. As polynomials, ||g_i(r) e|| <= |r|_can e with
    |r|_can <= sqrt(2) (rho + ||dR||), two records to a slot, and ||f p_i|| <= |p_i|_can f with |p_i|_can <=
    sqrt(G) (sqrt(2) (1 + eta) + ||D||) + sqrt(N) e, as in `secure_ds.ckks.circuit_error`.
  - Packing: every group, a sum of products of three polynomials, brings besides one rounding and one key switching at
    level 1, every node one key switching. What groups bring grows as `packing.input_growth` says for the c groups of d
    features of all ciphertexts of an answer together; the answer's unit is twice the product scale.
  - The last rescaling: one rounding for each ciphertext of an answer, over the answer's scale (counted also where there
    is none, and is nothing); one key switching if the key was rotated.
  - Doubles: the planner's FLOAT_SLACK times the largest answer. Other constants are whole numbers by construction.
The error of *encoding* and that of doubles depend on no secret: they belong to `beta` (what a record may change) and
not to `evaluation_error` (what an answer may reveal of the key).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.packing import group_size, input_growth
from secure_ds.ckks.softmax.scales import LEVEL, SoftmaxScales


@dataclass(frozen=True)
class SoftmaxError:
    """The numbers the proof speaks of.

    Attributes:
        noise: noise of the ring and the shape of the data set.
        scales: scale of every value of the step.
        places: n, and what the norm check may overlook beside it (`NoiseModel.places`).
        n_features: d.
        n_classes: c.
        radius: bound on the spectral norm of the weights, as they are cut to integers.
        eta: tolerance of the norm check.
        rho: bound on ||r||.
    """

    noise: NoiseModel
    scales: SoftmaxScales
    places: float
    n_features: int
    n_classes: int
    radius: float
    eta: float
    rho: float

    def bound(self, input_error: float) -> float:
        """Bound the error of an answer, given ||D|| <= `input_error`, in units of the gradient sum."""
        records = (1 + self.eta) * math.sqrt(self.places)
        in_product = self.rho * math.sqrt(self.places) * input_error
        through_residual = self._residual_map * input_error * (records + math.sqrt(self.n_features) * input_error)
        switching = self._residual_noise()
        residual = self._residual_map * input_error + switching
        packing = self._packing_noise(self.rho + residual, input_error)
        return in_product + through_residual + switching * (records + input_error) + packing + self._last_rounding()

    @property
    def _residual_map(self) -> float:
        return math.hypot(self.radius / self.n_classes, 1)

    def _residual_noise(self) -> float:
        noise = self.noise
        each = noise.slot_factor * noise.key_switching(LEVEL) / self.scales.residual
        return math.sqrt(self.n_classes * noise.n_blocks) * each

    def _packing_noise(self, largest_residual: float, input_error: float) -> float:
        degree, group = self.noise.parameters.poly_modulus_degree, group_size(self.n_features)
        growth = input_growth(degree // group, self.n_classes * -(-self.n_features // group))
        products = self.noise.n_blocks * group * self._grouped_product_noise(largest_residual, input_error)
        each = self.noise.product_rounding + 2 * self.noise.key_switching(1)
        return growth * (products + each / self.scales.product) / 2

    def _grouped_product_noise(self, largest_residual: float, input_error: float) -> float:
        """Bound the norm of what one image of r times one combination of columns adds."""
        degree, group = self.noise.parameters.poly_modulus_degree, group_size(self.n_features)
        switching = self.noise.key_switching(LEVEL)
        in_column = (group - 1) * switching / self.scales.columns
        in_image = (group.bit_length() - 1) * switching / self.scales.residual
        combination = math.sqrt(group) * (math.sqrt(2) * (1 + self.eta) + input_error) + math.sqrt(degree) * in_column
        return math.sqrt(2) * largest_residual * in_column + combination * in_image

    def _last_rounding(self) -> float:
        ciphertexts = -(-self.n_classes * self.n_features // self.noise.parameters.poly_modulus_degree)
        return math.sqrt(ciphertexts) * self.noise.answer(self.scales.answer_level) / self.scales.answer
