"""Plan of one softmax-regression step on ciphertexts: several classes, one linear residual, one packed gradient.

Rules kept here:
  1. A plan is a pure function of public numbers, and exists only for a circuit that cannot go wrong: enough levels, no
     wrap-around for any admitted records and noise up to `max_sigma`, a norm check that can tell.
  2. `beta` bounds the evaluation error over all released numbers in l2 norm, for any admitted records and any weights
     of spectral norm at most `radius`, except with probability 2**-40 over keys and encryption (`error`).
  3. The slope a = 1/c and every scale are folded: no constant of the circuit is rounded but the weights.

The residual r = a z + 1/c - y = a W x - v, v = y - 1/c, is the first-order Taylor polynomial of softmax at z = 0 less
the label: the Jacobian of softmax there is (I - 11^T/c)/c, which is I/c on scores that sum to zero.

Formal guarantee (sensitivity). Write x_i for the columns of record i (features with the bias, then slack) and v_i for
its c label columns: real numbers, two records to a slot. The norm check admits only ||x_i||^2 = 1 +- 5 eta/16 and
||v_i||^2 = 1 - 1/c +- 5 eta/16 (`norm_plan`, known limit: a client that wraps uploads on purpose voids this for its own
records). The circuit computes G = sum_i r_i x_i^T, c x d numbers, r_i = a W x_i - v_i, for a W of spectral norm at most
R' = radius + sqrt(c d) / weight scale: the radius, and what cutting the entries to integers may add. A record set to
zero contributes nothing. Now ||W x_i|| <= R' ||x_i||, whatever the number of classes, and a matrix r x^T has Frobenius
norm ||r|| ||x||, so with ||x_i|| <= 1 + 5 eta/32 and ||v_i|| <= sqrt(1 - 1/c) + 5 eta/16 (for c >= 2)
||r_i x_i^T|| <= (a R' (1 + eta) + sqrt(1 - 1/c) + 5 eta/16)(1 + eta) = rho (1 + eta).
Two neighbouring answers therefore differ by at most S = (1 + eta) rho + 2 beta in l2 norm over all c d numbers, before
noise. It does not grow with sqrt(c), as it would if each class were bounded alone. At W = 0 the same holds with
rho_0 = sqrt(1 - 1/c) + 5 eta/16: S_0 = (1 + eta) rho_0 + 2 beta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from secure_ds.ckks.bounds import NoiseModel, evaluation_error
from secure_ds.ckks.circuit import (
    FLOAT_SLACK,
    NOISE_TAIL,
    PackedSums,
    packed_rows,
    require_levels,
    require_range,
    require_sigma_range,
    require_small_error,
    round_up,
)
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.norm_plan import label_norm, plan_norm_check
from secure_ds.ckks.packing import group_size
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.softmax.error import SoftmaxError
from secure_ds.ckks.softmax.scales import SoftmaxScales, choose_scales

PLAN_FORMAT: Final = "secure-ds/ckks-softmax-plan/1"
DATA_PRIMES_NEEDED: Final = 3  # residual and answer drop one each, and the answer stands on the last


@dataclass(frozen=True)
class SoftmaxCircuit:
    """One training step of softmax regression, planned. Make it with `plan_softmax`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_features: d: feature columns, the bias included.
        n_classes: c: label columns.
        n_blocks: ciphertexts per column.
        radius: bound R on the spectral norm of the weights.
        eta: tolerance of the norm check.
        max_sigma: largest deviation of noise the answer has room for.
        keying: how the columns were encrypted, and whether answers change the key.
        scales: scale of every value of the step.
        first_rho: bound on ||r|| at W = 0.
        rho: bound on ||r||.
        evaluation_error: bound E on the l2 norm of that part of an answer's error that depends on secrets.
        beta: bound on the l2 norm of the whole error.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_features: int
    n_classes: int
    n_blocks: int
    radius: float
    eta: float
    max_sigma: float
    keying: Keying
    scales: SoftmaxScales
    first_rho: float
    rho: float
    evaluation_error: float
    beta: float

    @property
    def sensitivity(self) -> float:
        """S: the l2 distance between the answers of two data sets that differ by one zeroed record."""
        return (1 + self.eta) * self.rho + 2 * self.beta

    @property
    def first_sensitivity(self) -> float:
        """S_0: the same at W = 0."""
        return (1 + self.eta) * self.first_rho + 2 * self.beta

    @property
    def slope(self) -> float:
        """a, the slope of the residual."""
        return 1 / self.n_classes

    @property
    def least_answer_scale(self) -> float:
        """Units of a released integer per unit of the gradient."""
        return self.scales.answer

    @property
    def answer_level(self) -> int:
        """Level of the packed answers."""
        return self.scales.answer_level

    @property
    def n_numbers(self) -> int:
        """Numbers in an answer: c d, class by class."""
        return self.n_classes * self.n_features

    @cached_property
    def sums(self) -> tuple[PackedSums, ...]:
        """The packed ciphertexts of an answer."""
        degree, rows, columns = self.parameters.poly_modulus_degree, self.n_classes, self.n_features
        return packed_rows(degree, rows, columns, self.group, self.scales.answer)

    @property
    def group(self) -> int:
        """Features whose products are packed before they are made."""
        return group_size(self.n_features)

    @property
    def answer_bytes(self) -> int:
        """Size of the ciphertexts of one step."""
        return len(self.sums) * ciphertext_bytes(self.parameters, self.answer_level)

    def to_json(self) -> dict[str, object]:
        """Return the JSON form; doubles are hexadecimal strings, so that they are exact."""
        return {
            "format": PLAN_FORMAT,
            "parameters": self.parameters.to_json(),
            "input_scale": self.input_scale.hex(),
            "n_records": self.n_records,
            "n_features": self.n_features,
            "n_classes": self.n_classes,
            "n_blocks": self.n_blocks,
            "radius": self.radius.hex(),
            "eta": self.eta.hex(),
            "max_sigma": self.max_sigma.hex(),
            "keying": self.keying.to_json(),
            "weight_scale": str(self.scales.weights),
            "lift": str(self.scales.lift),
            "answer_scale": self.scales.answer.hex(),
            "first_rho": self.first_rho.hex(),
            "rho": self.rho.hex(),
            "evaluation_error": self.evaluation_error.hex(),
            "beta": self.beta.hex(),
        }


def plan_softmax(
    parameters: Parameters,
    *,
    input_scale: float,
    n_records: int,
    n_features: int,
    n_classes: int,
    n_blocks: int,
    radius: float,
    eta: float,
    max_sigma: float,
    keying: Keying = FRESH,
) -> SoftmaxCircuit:
    """Plan a training step, or say why there cannot be one.

    Args:
        parameters: the CKKS parameters; at least three data primes.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * N.
        n_features: feature columns, bias included.
        n_classes: label columns, three at least.
        n_blocks: ciphertexts per column.
        radius: bound on the spectral norm of the weights.
        eta: tolerance of the norm check.
        max_sigma: largest deviation of noise that will be added, in units of the gradient sum.
        keying: how the columns were encrypted, and whether answers change the key.

    Raises:
        PlanRefused: `reason` is one of ``out_of_range``, ``too_few_levels``, ``no_head_room``, ``eta_too_small``.
    """
    require_levels(parameters, DATA_PRIMES_NEEDED, "a softmax step")
    require_range(2.0**-6 <= radius <= 2.0**12, f"radius must be 2**-6 to 4096, got {radius}")
    require_sigma_range(max_sigma)
    plan_norm_check(
        parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=n_features,
        n_labels=n_classes,
        n_blocks=n_blocks,
        eta=eta,
        encryption=keying.encryption,
    )
    labels = math.sqrt(label_norm(n_classes)) + 5 * eta / 16
    room = round_up(labels + (radius + 1) / n_classes * (1 + eta))  # rho, should cutting the weights add 1 to the norm
    scales = choose_scales(
        parameters, input_scale, n_classes, n_records * room * (1 + eta) + 1 + NOISE_TAIL * max_sigma
    )
    cut_radius = radius + math.sqrt(n_classes * n_features) / scales.weights
    require_range(cut_radius <= radius + 1, "weights are cut too coarsely: take larger primes or fewer features")
    rho = round_up(labels + cut_radius / n_classes * (1 + eta))
    noise = NoiseModel(parameters, n_columns=n_features + 1 + n_classes, n_blocks=n_blocks, keying=keying)
    secret, encoding = noise.input_errors(n_records, input_scale)
    input_error = secret + encoding
    places = noise.places(n_records, eta, cut_radius / n_classes, rho)
    step = SoftmaxError(noise, scales, places, n_features, n_classes, cut_radius, eta, rho)
    beta = round_up(step.bound(input_error) + FLOAT_SLACK * n_records * rho * (1 + eta))
    require_small_error(beta)
    return SoftmaxCircuit(
        parameters=parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=n_features,
        n_classes=n_classes,
        n_blocks=n_blocks,
        radius=radius,
        eta=eta,
        max_sigma=max_sigma,
        keying=keying,
        scales=scales,
        first_rho=round_up(labels),
        rho=rho,
        evaluation_error=round_up(evaluation_error(step, secret, encoding)),
        beta=beta,
    )
