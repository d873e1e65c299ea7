"""How far an answer of the hidden-layer circuit can be from the same arithmetic in the clear: the proof of its `beta`.

Rules kept here:
  1. Every term of the proof below is one line of code, and no line adds anything else.
  2. Bounds are uniform over data and weights; see `bounds` for what is random.

Let D be the error of all columns (encryption, encoding), ||D|| its operator norm from `NoiseModel`, relative to the
input scale. U, G, R, S, T hold u, g(u), r, s = W2^T r and t = s g'(u), a row for each record; the answer is R^T G and
T^T X. Rows are bounded (`plan`): ||u|| <= interval, ||g|| <= largest, ||r|| <= rho, |g'| <= steepest, ||s|| <= R2 rho.
An error E is followed by two norms, operator and Frobenius (`Size`), for ||A B||_F <= ||A|| ||B||_F, and a linear map
of D has an operator norm that does not grow with the number of units; entry by entry products need Frobenius. A slot
with two records is a pair of reals of the same norm; noise in a ciphertext of h units (or c classes) in b blocks adds
in quadrature, sqrt(h b) times one, to either norm.
  - u:  D W1^T: R1 ||D||, Frobenius sqrt(rank) times that; the split: one key switching at level 4, the same in both
        halves, twice.
  - g:  linear dU + 2 square U * dU + square dU * dU; the square: its rescaling with three polynomials, then one key
        switching at level 3, over the scale of g.
  - r:  dG W2^T: R2 times that of g; the label columns: ||D||, Frobenius sqrt(c) times that; one key switching at level
        3 for conj(z), over the scale of z. In halves there are four over twice that scale: z's split, the label's
        split, both halves.
  - r at level 2: one rounding over its scale there.
  - R^T G: rho sqrt(n) ||dG|| + ||dR|| (largest sqrt(n) + ||dG||_F).
  - s:  dR W2: R2 times that of r in halves.
  - u at level 3: that of u, and one rounding for each half, over the scale of halves.
  - t:  linear dS + 2 square (dS * U + S * dU + dS * dU), and the rescaling of three polynomials and one key switching
        at level 2, over the scale of t.
  - T^T X: R2 rho steepest sqrt(n) ||D|| + ||dT|| (||X||_F + ||D||_F), ||D||_F <= sqrt(d) ||D||.
  - Packing, for either matrix: every leaf, a sum of products of three polynomials, brings one rounding and one key
    switching at level 1, every node one key switching; together `packing.error_growth` of them at most, over twice the
    product scale. The last rescaling: one rounding for each ciphertext, over the answer's scale.
  - Constants: the lifted label is half a unit off at most, |v| / (2 label) in r; the shift beside u half a unit of
    `half`. The linear coefficient is what its whole number stands for.
  - Doubles: the planner's FLOAT_SLACK times the largest answer.
The errors of *encoding*, of constants and of doubles depend on no secret: they belong to `beta` (what a record may
change) and not to `evaluation_error` (what an answer may reveal of the key).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.hidden_layer.activation import QuadraticActivation
from secure_ds.ckks.hidden_layer.scales import HiddenScales
from secure_ds.ckks.packing import error_growth


class Size(NamedTuple):
    """Bounds on the operator and the Frobenius norm of an error."""

    operator: float
    frobenius: float

    def times(self, factor: float) -> Size:
        """Return the size of a multiple, or of the product with a matrix of that operator norm."""
        return Size(self.operator * factor, self.frobenius * factor)

    def plus(self, either: float) -> Size:
        """Return the size of a sum with an error of that Frobenius norm, which bounds both."""
        return Size(self.operator + either, self.frobenius + either)


@dataclass(frozen=True)
class HiddenError:
    """The numbers the proof speaks of.

    Attributes:
        noise: noise of the ring and the shape of the data set.
        scales: scale of every value of the step.
        activation: g.
        places: n, and what the norm check may overlook beside it (`NoiseModel.places`).
        n_features: d.
        n_hidden: h.
        n_outputs: c.
        first_radius: R1, as the weights are cut to integers.
        second_radius: R2, likewise.
        eta: tolerance of the norm check.
        labels: bound on ||v||.
        rho: bound on ||r||.
    """

    noise: NoiseModel
    scales: HiddenScales
    activation: QuadraticActivation
    places: float
    n_features: int
    n_hidden: int
    n_outputs: int
    first_radius: float
    second_radius: float
    eta: float
    labels: float
    rho: float

    def bound(self, input_error: float) -> float:
        """Bound the error of an answer, given ||D|| <= `input_error`, in units of the gradient sums."""
        u = self._u(input_error)
        g = self._g(u)
        first = self._first_sum(input_error, self._t(input_error, u, g))
        second = self._second_sum(g, self._residual(input_error, g).plus(self._residual_drop))
        return math.hypot(first + self._first_packing, second + self._second_packing)

    def rounded_constants(self) -> float:
        """Bound what whole numbers in place of constants change, in units of the gradient sums."""
        root, steepest = math.sqrt(self.places), self.activation.steepest
        residual = self.labels * root / (2 * self.scales.label)
        slope = self.activation.square / self.scales.half
        t = self.second_radius * (steepest * residual + self.rho * root * slope)
        return math.hypot(t * (1 + self.eta) * root, residual * self.activation.largest * root)

    def _u(self, input_error: float) -> Size:
        operator = self.first_radius * input_error
        columns = Size(operator, math.sqrt(min(self.n_hidden, self.n_features)) * operator)
        return columns.plus(2 * self._units * self.noise.key_switching(4) / (2 * self.scales.u))

    def _g(self, u: Size) -> Size:
        curved = self.activation.square * (2 * self.activation.interval + u.frobenius) * u.frobenius
        squares = self._units * (self.noise.product_rounding + self.noise.key_switching(3)) / self.scales.g
        return u.times(self.activation.linear).plus(curved + squares)

    def _residual(self, input_error: float, g: Size) -> Size:
        through_g = g.times(self.second_radius)
        labels = Size(input_error, math.sqrt(self.n_outputs) * input_error)
        exact = Size(through_g.operator + labels.operator, through_g.frobenius + labels.frobenius)
        return exact.plus(self._classes * self.noise.key_switching(3) / self.scales.z)

    @property
    def _residual_drop(self) -> float:
        return self._classes * self.noise.rounding / self.scales.residual

    def _second_sum(self, g: Size, residual: Size) -> float:
        root = math.sqrt(self.places)
        return self.rho * root * g.operator + residual.operator * (self.activation.largest * root + g.frobenius)

    def _t(self, input_error: float, u: Size, g: Size) -> Size:
        noise, activation = self.noise, self.activation
        halves = self._residual(input_error, g).plus(self._classes * noise.key_switching(3) / self.scales.z)
        s = halves.times(self.second_radius)
        lowered = u.frobenius + 2 * self._units * noise.rounding / self.scales.half
        largest_s = self.second_radius * self.rho
        curved = s.frobenius * activation.interval + (largest_s + s.frobenius) * lowered
        product = s.times(activation.linear).plus(2 * activation.square * curved)
        return product.plus(self._units * (noise.product_rounding + noise.key_switching(2)) / self.scales.t)

    def _first_sum(self, input_error: float, t: Size) -> float:
        root = math.sqrt(self.places)
        columns = self.second_radius * self.rho * self.activation.steepest * root * input_error
        return columns + t.operator * ((1 + self.eta) * root + math.sqrt(self.n_features) * input_error)

    @property
    def _first_packing(self) -> float:
        scales, count = self.scales, self.n_hidden * self.n_features
        return self._packing(count, scales.first_product, scales.first_answer)

    @property
    def _second_packing(self) -> float:
        scales, count = self.scales, self.n_outputs * self.n_hidden
        return self._packing(count, scales.second_product, scales.second_answer)

    def _packing(self, count: int, product: float, answer: float) -> float:
        degree = self.noise.parameters.poly_modulus_degree
        each = self.noise.product_rounding + self.noise.key_switching(1)
        last = math.sqrt(-(-count // degree)) * self.noise.answer(0) / answer
        return error_growth(degree, count) * each / (2 * product) + last

    @property
    def _units(self) -> float:
        return math.sqrt(self.n_hidden * self.noise.n_blocks) * self.noise.slot_factor

    @property
    def _classes(self) -> float:
        return math.sqrt(self.n_outputs * self.noise.n_blocks) * self.noise.slot_factor
