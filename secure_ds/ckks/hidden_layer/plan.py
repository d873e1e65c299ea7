"""Plan of one step of a one-hidden-layer network on ciphertexts: both gradients, packed, in one go.

Rules kept here:
  1. A plan is a pure function of public numbers, and exists only for a circuit that cannot go wrong: enough levels, no
     wrap-around for any admitted records and noise up to `max_sigma`, a norm check that can tell.
  2. `beta` bounds the evaluation error over all released numbers in l2 norm, for any admitted records and any weights
     of spectral norms at most the two radii, except with probability 2**-40 over keys and encryption (`error`).
  3. The network is u = W1 x, z = W2 g(u), r = z - v with g(u) = linear u + square u^2 and v = y - 1/c (y - 1/2 for two
     classes, then z is one number): a score is a share of probability. A slope of the residual would be absorbed in W2.
     There is no bias behind g: the records bring one, and a place without a record must stay empty.

Formal guarantee (sensitivity). Write x_i and v_i for record i, as in `secure_ds.ckks.softmax.plan`, with the norm
check's ||x_i|| <= 1 + 5 eta/32 and ||v_i|| <= labels = sqrt(label norm) + 5 eta/16 (label norm 1 - 1/c, or 1/4). The
circuit computes sum_i (W2^T r_i * g'(u_i)) x_i^T and sum_i r_i g(u_i)^T for W1, W2 of spectral norms at most R1, R2:
the radii, and sqrt(number of entries) / weight scale for cutting them to integers. A record set to zero contributes
nothing. For any other, entry by entry products only shrink with the largest entry, so
  ||u|| <= R1 (1 + eta) = interval;
  ||g(u)|| <= linear ||u|| + square ||u||^2 <= largest, for ||u^2||_2 <= ||u||_2^2;
  ||r|| <= R2 largest + labels = rho;
  ||r g(u)^T|| = ||r|| ||g(u)|| <= rho largest;
  ||(W2^T r * g'(u)) x^T|| <= R2 rho (linear + 2 square interval)(1 + eta).
Two neighbouring answers therefore differ by at most S = rho sqrt(largest^2 + (R2 steepest (1 + eta))^2) + 2 beta in l2
norm over both gradients, before noise. Step 0 starts from W2 = 0, where the gradient for W1 is zero whatever the data
and is not released: S_0 = labels largest + 2 beta.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import product
from typing import Final

from secure_ds.ckks.bounds import NoiseModel, evaluation_error
from secure_ds.ckks.circuit import (
    FLOAT_SLACK,
    NOISE_TAIL,
    PackedSums,
    packed_sums,
    require_levels,
    require_range,
    require_sigma_range,
    require_small_error,
    round_up,
)
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.ckks.hidden_layer.activation import QuadraticActivation
from secure_ds.ckks.hidden_layer.error import HiddenError
from secure_ds.ckks.hidden_layer.scales import (
    FIRST_WEIGHT_SCALES,
    SECOND_WEIGHT_SCALES,
    HiddenScales,
    choose_scales,
    linear_coefficient,
)
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.norm_plan import label_norm, plan_norm_check
from secure_ds.ckks.parameters import Parameters

PLAN_FORMAT: Final = "secure-ds/ckks-hidden-layer-plan/1"
DATA_PRIMES_NEEDED: Final = 5  # the square, the derivative, products and answer drop one each; it stands on the last
MAX_HIDDEN: Final = 64


@dataclass(frozen=True)
class NetworkShape:
    """Sizes and radii of a network.

    Attributes:
        n_features: d, the bias included.
        n_hidden: h.
        n_labels: c, or 1 for two classes.
        first_radius: bound on the spectral norm of W1, (h, d).
        second_radius: bound on the spectral norm of W2, (c, h).
        linear: coefficient of u in the activation.
        square: coefficient of u^2.
    """

    n_features: int
    n_hidden: int
    n_labels: int
    first_radius: float
    second_radius: float
    linear: float
    square: float

    @property
    def first(self) -> tuple[int, int]:
        """Shape of W1."""
        return self.n_hidden, self.n_features

    @property
    def second(self) -> tuple[int, int]:
        """Shape of W2."""
        return self.n_labels, self.n_hidden


@dataclass(frozen=True)
class HiddenCircuit:
    """One training step of a one-hidden-layer network, planned. Make it with `plan_hidden_layer`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_blocks: ciphertexts per column.
        shape: sizes and radii; its linear coefficient is the one the circuit has.
        eta: tolerance of the norm check.
        max_sigma: largest deviation of noise the answers have room for.
        keying: how the columns were encrypted, and whether answers change the key.
        activation: g, on the interval that the proof gives.
        scales: scale of every value of the step.
        labels: bound on ||v||.
        rho: bound on ||r||.
        evaluation_error: bound E on the l2 norm of that part of an answer's error that depends on secrets.
        beta: bound on the l2 norm of the whole error.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_blocks: int
    shape: NetworkShape
    eta: float
    max_sigma: float
    keying: Keying
    activation: QuadraticActivation
    scales: HiddenScales
    labels: float
    rho: float
    evaluation_error: float
    beta: float

    @property
    def sensitivity(self) -> float:
        """S: the l2 distance between the answers of two data sets that differ by one zeroed record."""
        first = self.cut_radii[1] * self.activation.steepest * (1 + self.eta)
        return self.rho * math.hypot(self.activation.largest, first) + 2 * self.beta

    @property
    def first_sensitivity(self) -> float:
        """S_0: the same at W2 = 0, of the gradient for W2 alone."""
        return self.labels * self.activation.largest + 2 * self.beta

    @property
    def cut_radii(self) -> tuple[float, float]:
        """Bounds on the spectral norms of W1 and W2 as they are cut to integers."""
        return _cut_radii(self.shape, (self.scales.first_weights, self.scales.second_weights))

    @property
    def answer_level(self) -> int:
        """Level of the packed answers."""
        return 0

    @cached_property
    def second_sums(self) -> tuple[PackedSums, ...]:
        """The ciphertexts of the gradient for W2, class by class: all that step 0 has, and the first of every other."""
        count = self.shape.n_labels * self.shape.n_hidden
        return packed_sums(self.parameters.poly_modulus_degree, count, self.scales.second_answer)

    @cached_property
    def first_sums(self) -> tuple[PackedSums, ...]:
        """The ciphertexts of the gradient for W1, unit by unit."""
        count = self.shape.n_hidden * self.shape.n_features
        return packed_sums(self.parameters.poly_modulus_degree, count, self.scales.first_answer)

    @property
    def least_answer_scale(self) -> float:
        """The smaller of the scales of an answer's ciphertexts."""
        return min(self.scales.first_answer, self.scales.second_answer)

    @property
    def answer_bytes(self) -> int:
        """Size of the ciphertexts of one step after the first."""
        count = len(self.second_sums) + len(self.first_sums)
        return count * ciphertext_bytes(self.parameters, self.answer_level)

    def to_json(self) -> dict[str, object]:
        """Return the JSON form; doubles are hexadecimal strings, so that they are exact."""
        shape = {name: value.hex() if isinstance(value, float) else value for name, value in asdict(self.shape).items()}
        return {
            "format": PLAN_FORMAT,
            "parameters": self.parameters.to_json(),
            "input_scale": self.input_scale.hex(),
            "n_records": self.n_records,
            "n_blocks": self.n_blocks,
            **shape,
            "eta": self.eta.hex(),
            "max_sigma": self.max_sigma.hex(),
            "keying": self.keying.to_json(),
            "weight_scales": [self.scales.first_weights, self.scales.second_weights],
            "answer_scales": [self.scales.first_answer.hex(), self.scales.second_answer.hex()],
            "rho": self.rho.hex(),
            "evaluation_error": self.evaluation_error.hex(),
            "beta": self.beta.hex(),
        }


def plan_hidden_layer(
    parameters: Parameters,
    shape: NetworkShape,
    *,
    input_scale: float,
    n_records: int,
    n_blocks: int,
    eta: float,
    max_sigma: float,
    keying: Keying = FRESH,
) -> HiddenCircuit:
    """Plan a training step, or say why there cannot be one.

    Args:
        parameters: the CKKS parameters; at least five data primes.
        shape: sizes, radii and the activation that is asked for.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * N.
        n_blocks: ciphertexts per column.
        eta: tolerance of the norm check.
        max_sigma: largest deviation of noise that will be added, in units of the gradient sums.
        keying: how the columns were encrypted, and whether answers change the key.

    Raises:
        PlanRefused: `reason` is one of ``out_of_range``, ``too_few_levels``, ``no_head_room``, ``eta_too_small``.
    """
    _check_ranges(parameters, shape, max_sigma)
    plan_norm_check(
        parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=shape.n_features,
        n_labels=shape.n_labels,
        n_blocks=n_blocks,
        eta=eta,
        encryption=keying.encryption,
    )
    found, refusals = [], []
    for weight_scales in product(FIRST_WEIGHT_SCALES, SECOND_WEIGHT_SCALES):
        try:
            found.append(
                _plan_at(parameters, shape, weight_scales, input_scale, n_records, n_blocks, eta, max_sigma, keying)
            )
        except PlanRefused as refused:
            refusals.append(refused)
    if not found:
        raise refusals[-1]
    best = min(found, key=lambda plan: plan.evaluation_error)
    require_small_error(best.beta)
    return best


def _plan_at(
    parameters: Parameters,
    asked: NetworkShape,
    weight_scales: tuple[int, int],
    input_scale: float,
    n_records: int,
    n_blocks: int,
    eta: float,
    max_sigma: float,
    keying: Keying,
) -> HiddenCircuit:
    whole, linear = linear_coefficient(parameters, input_scale, weight_scales[0], asked.linear, asked.square)
    shape = replace(asked, linear=linear)
    first_radius, second_radius = _cut_radii(shape, weight_scales)
    activation = QuadraticActivation(round_up(first_radius * (1 + eta)), linear, shape.square)
    labels = round_up(math.sqrt(label_norm(shape.n_labels)) + 5 * eta / 16)
    rho = round_up(second_radius * activation.largest + labels)
    largest = (
        n_records * rho * second_radius * activation.steepest * (1 + eta),
        n_records * rho * activation.largest,
    )
    room = NOISE_TAIL * max_sigma + 1
    with_noise = (largest[0] + room, largest[1] + room)
    scales = choose_scales(parameters, input_scale, weight_scales, whole, shape.square, with_noise)
    noise = NoiseModel(parameters, n_columns=shape.n_features + 1 + shape.n_labels, n_blocks=n_blocks, keying=keying)
    secret, encoding = noise.input_errors(n_records, input_scale)
    input_error = secret + encoding
    step = HiddenError(
        noise=noise,
        scales=scales,
        activation=activation,
        places=noise.places(n_records, eta, second_radius * activation.steepest * first_radius, rho),
        n_features=shape.n_features,
        n_hidden=shape.n_hidden,
        n_outputs=shape.n_labels,
        first_radius=first_radius,
        second_radius=second_radius,
        eta=eta,
        labels=labels,
        rho=rho,
    )
    return HiddenCircuit(
        parameters=parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_blocks=n_blocks,
        shape=shape,
        eta=eta,
        max_sigma=max_sigma,
        keying=keying,
        activation=activation,
        scales=scales,
        labels=labels,
        rho=rho,
        evaluation_error=round_up(evaluation_error(step, secret, encoding)),
        beta=round_up(step.bound(input_error) + step.rounded_constants() + FLOAT_SLACK * math.hypot(*largest)),
    )


def _cut_radii(shape: NetworkShape, weight_scales: tuple[int, int]) -> tuple[float, float]:
    first = shape.first_radius + math.sqrt(shape.n_hidden * shape.n_features) / weight_scales[0]
    second = shape.second_radius + math.sqrt(shape.n_labels * shape.n_hidden) / weight_scales[1]
    return first, second


def _check_ranges(parameters: Parameters, shape: NetworkShape, max_sigma: float) -> None:
    require_levels(parameters, DATA_PRIMES_NEEDED, "a step of a hidden-layer network")
    require_range(1 <= shape.n_hidden <= MAX_HIDDEN, f"n_hidden must be 1 to {MAX_HIDDEN}, got {shape.n_hidden}")
    for name in ("first_radius", "second_radius", "linear", "square"):
        value = getattr(shape, name)
        require_range(2.0**-6 <= value <= 2.0**6, f"{name} must be 2**-6 to 64, got {value}")
    require_sigma_range(max_sigma)
