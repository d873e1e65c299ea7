"""Plans of encrypted logistic-regression steps: everything about a circuit that is decided before it runs.

Rules kept here:
  1. A plan is a pure function of public numbers. `from_json` recomputes it and refuses one that differs, so nobody can
     hand over scales, bounds or noise that the numbers do not give.
  2. A plan exists only for a circuit that cannot go wrong: enough levels, no wrap-around for any admitted records and
     noise up to `max_sigma`, a norm check that can tell. Otherwise `PlanRefused` names the rule and the remedy.
  3. `beta` bounds the evaluation error over all released numbers, for any admitted records and any weights of norm at
     most `radius`, except with probability 2**-40 over keys and encryption.

Formal guarantee (sensitivity). Write x_i for the columns of record i (features with the bias, then slack) and v_i for
its label: real numbers, two records to a slot, for every complex slot, also a foreign one, is one pair of reals. The
norm check admits only ||x_i||^2 = 1 +- 5 eta/16 and v_i^2 = 1/4 +- 5 eta/16, of uploads that do not wrap around in it
(`norm_plan`, known limit: a client that wraps them on purpose voids this for its own records). The circuit computes
sum_i r_i x_i with r_i = p(w . x_i) - 1/2 - v_i for ||w|| <= radius, p the cubic, as the real part of
(r_1 - J r_2)(x_1 + J x_2) summed over slots. A record set to zero contributes nothing. Now |w . x_i| <= radius (1 +
eta), so |p(w . x_i) - 1/2| <= rho - 1/2 by the definition of rho, |r_i| <= rho + 5 eta/16, and
||r_i x_i|| <= |r_i| ||x_i|| <= (rho + 5 eta/16)(1 + 5 eta/32) <= (1 + eta) rho, for rho >= 1/2.
Two neighbouring answers therefore differ by at most S = (1 + eta) rho + 2 beta in l2 norm, before noise.

The proof of `beta` is in `circuit_error`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from secure_ds.ckks.bounds import NoiseModel, evaluation_error
from secure_ds.ckks.circuit import (
    FLOAT_SLACK,
    NOISE_TAIL,
    Circuit,
    require_levels,
    require_range,
    require_sigma_range,
    require_small_error,
    round_up,
)
from secure_ds.ckks.circuit_error import StepError
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.ckks.input_files import input_file_bytes
from secure_ds.ckks.key_files import KEY_NAMES, key_file_bytes
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.layers.activation import CubicSigmoid, fit_sigmoid
from secure_ds.ckks.norm_plan import plan_norm_check
from secure_ds.ckks.packing import positions
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.scales import TREE_LEVEL, Scales, compute_scales, largest_weight_scale

PLAN_FORMAT = "secure-ds/ckks-logistic-plan/2"
DATA_PRIMES_NEEDED = 4  # the square drops one, products stand on the next three
DEFAULT_MAX_SIGMA = 256.0
_MIN_WEIGHT_SCALE = 2**6
_FINE_WEIGHT_SCALE = 2**12  # finer weights change no model
_MAX_LIFT_BITS = 64
_WORTH_A_PRIME = 2.0  # an answer of half the length may cost so much of the error bound
_FINE_ANSWER_SCALE = 2.0**36  # any noise is many steps of such a grid (`privacy.approximation` asks for 2**28)


@dataclass(frozen=True)
class CircuitPlan:
    """One training step of binary logistic regression, planned. Make it with `plan_logistic`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_features: feature columns, the bias included.
        n_blocks: ciphertexts per column.
        radius: bound R on the l2 norm of the weights.
        eta: tolerance of the norm check, see the module's guarantee.
        max_sigma: largest deviation of noise the answer has room for.
        keying: how the columns were encrypted, and whether answers change the key.
        sigmoid: the cubic, fitted on +-radius * (1 + eta).
        scales: scale of every value of the step.
        answer_level: level of the packed answer.
        rho: bound on |p(z) - y|.
        evaluation_error: bound E on the l2 norm of that part of an answer's error that depends on secrets.
        beta: bound on the l2 norm of the whole error.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_features: int
    n_blocks: int
    radius: float
    eta: float
    max_sigma: float
    keying: Keying
    sigmoid: CubicSigmoid
    scales: Scales
    answer_level: int
    rho: float
    evaluation_error: float
    beta: float

    @property
    def sensitivity(self) -> float:
        """S: the l2 distance between the answers of two data sets that differ by one zeroed record."""
        return (1 + self.eta) * self.rho + 2 * self.beta

    @property
    def answer_scale(self) -> float:
        """Units of a released integer per unit of the gradient."""
        return self.scales.answer

    @property
    def least_answer_scale(self) -> float:
        """The same: there is one ciphertext."""
        return self.answer_scale

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """The coefficient of the answer that holds each feature's sum; no other coefficient may be read."""
        return positions(self.parameters.poly_modulus_degree, self.n_features)

    @property
    def n_columns(self) -> int:
        """Uploaded columns: features, slack, label."""
        return self.n_features + 2

    @property
    def input_level(self) -> int:
        """Level of the uploaded columns."""
        return self.parameters.top_level

    @property
    def input_bytes(self) -> int:
        """Size of one uploaded ciphertext."""
        return input_file_bytes(self.parameters, self.keying.encryption)

    @property
    def answer_bytes(self) -> int:
        """Size of one packed answer."""
        return ciphertext_bytes(self.parameters, self.answer_level)

    @property
    def upload_bytes(self) -> int:
        """Size of all ciphertexts of the data set."""
        return self.n_columns * self.n_blocks * self.input_bytes

    @property
    def evaluation_key_bytes(self) -> int:
        """Size of all evaluation keys."""
        return sum(key_file_bytes(name, self.parameters) for name in KEY_NAMES)

    def to_json(self) -> dict[str, object]:
        """Return the JSON form; doubles are hexadecimal strings, so that they are exact."""
        return {
            "format": PLAN_FORMAT,
            "parameters": self.parameters.to_json(),
            "input_scale": self.input_scale.hex(),
            "n_records": self.n_records,
            "n_features": self.n_features,
            "n_blocks": self.n_blocks,
            "radius": self.radius.hex(),
            "eta": self.eta.hex(),
            "max_sigma": self.max_sigma.hex(),
            "keying": self.keying.to_json(),
            "linear": self.sigmoid.linear.hex(),
            "cubic": self.sigmoid.cubic.hex(),
            "weight_scale": self.scales.weights,
            "lift": str(self.scales.lift),
            "answer_level": self.answer_level,
            "answer_scale": self.answer_scale.hex(),
            "rho": self.rho.hex(),
            "evaluation_error": self.evaluation_error.hex(),
            "beta": self.beta.hex(),
        }

    @classmethod
    def from_json(cls, value: object) -> CircuitPlan:
        """Read what `to_json` wrote, by planning again.

        Raises:
            PlanRefused: not a plan, or not what planning from its numbers gives (``"not_reproducible"``).
        """
        try:
            if not isinstance(value, dict):
                raise TypeError("not an object")
            plan = plan_logistic(
                Parameters.from_json(value["parameters"]),
                input_scale=float.fromhex(value["input_scale"]),
                n_records=_integer(value["n_records"]),
                n_features=_integer(value["n_features"]),
                n_blocks=_integer(value["n_blocks"]),
                radius=float.fromhex(value["radius"]),
                eta=float.fromhex(value["eta"]),
                max_sigma=float.fromhex(value["max_sigma"]),
                keying=Keying.from_json(value["keying"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise PlanRefused("not_a_plan", f"not a plan in the form {PLAN_FORMAT}: {error}") from error
        if plan.to_json() != value:
            raise PlanRefused("not_reproducible", "the plan is not what its numbers give; make it with plan_logistic")
        return plan


def plan_logistic(
    parameters: Parameters,
    *,
    input_scale: float,
    n_records: int,
    n_features: int,
    n_blocks: int,
    radius: float,
    eta: float,
    max_sigma: float = DEFAULT_MAX_SIGMA,
    keying: Keying = FRESH,
) -> CircuitPlan:
    """Plan a training step, or say why there cannot be one.

    Args:
        parameters: the CKKS parameters; at least four data primes.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * N.
        n_features: feature columns, bias included.
        n_blocks: ciphertexts per column.
        radius: bound on the l2 norm of the weights.
        eta: tolerance of the norm check.
        max_sigma: largest deviation of noise that will be added, in units of the gradient sum.
        keying: how the columns were encrypted, and whether answers change the key.

    Raises:
        PlanRefused: `reason` is one of ``out_of_range``, ``too_few_levels``, ``no_head_room``, ``eta_too_small``.
    """
    _check_ranges(parameters, radius, max_sigma)
    plan_norm_check(
        parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=n_features,
        n_blocks=n_blocks,
        eta=eta,
        encryption=keying.encryption,
    )
    sigmoid = fit_sigmoid(radius * (1 + eta))
    noise = NoiseModel(parameters, n_columns=n_features + 2, n_blocks=n_blocks, keying=keying)
    secret, encoding = noise.input_errors(n_records, input_scale)
    input_error = secret + encoding
    z_max = radius * (1 + eta) + radius * input_error
    rho = round_up(0.5 + sigmoid.largest_deviation(z_max))
    places = noise.places(n_records, eta, radius * sigmoid.steepest(z_max), rho)
    answer = places * rho * (1 + eta)
    numbers = (places, n_features, radius, eta, z_max, rho)

    def step_error(lift: int, weight_scale: int, answer_level: int) -> StepError:
        scales = compute_scales(parameters, input_scale, weight_scale, lift, sigmoid, answer_level)
        return StepError(noise, scales, sigmoid, *numbers, answer_level)

    largest = answer + 1 + NOISE_TAIL * max_sigma
    choices = _weight_scales(parameters, input_scale, sigmoid, largest)
    step = min((step_error(*choice, TREE_LEVEL) for choice in choices), key=lambda step: step.bound(secret))
    shorter = step_error(step.scales.lift, step.scales.weights, 0)
    is_fine = shorter.scales.answer >= _FINE_ANSWER_SCALE
    if is_fine and shorter.bound(secret) <= _WORTH_A_PRIME * step.bound(secret):
        step = shorter
    beta = round_up(step.bound(input_error) + step.rounded_constants() + FLOAT_SLACK * answer)
    require_small_error(beta)
    return CircuitPlan(
        parameters=parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=n_features,
        n_blocks=n_blocks,
        radius=radius,
        eta=eta,
        max_sigma=max_sigma,
        keying=keying,
        sigmoid=sigmoid,
        scales=step.scales,
        answer_level=step.answer_level,
        rho=rho,
        evaluation_error=round_up(evaluation_error(step, secret, encoding)),
        beta=beta,
    )


def check_headroom(plan: Circuit, sigma: float) -> None:
    """Refuse noise that would make answers wrap around.

    Raises:
        PlanRefused: ``no_head_room``.
    """
    if not 0 <= sigma <= plan.max_sigma:
        raise PlanRefused(
            "no_head_room", f"noise of deviation {sigma:g} does not fit: plan with max_sigma of that or more"
        )


def statistical_bits(plan: Circuit, sigma: float, tau: int) -> float:
    """Return the statistical security s of `tau` answers with noise `sigma` (Li, Micciancio, Schultz, Sorrell 2022)."""
    return 2 * math.log2(sigma / (math.sqrt(12 * tau) * plan.evaluation_error))


def flooding_sigma(plan: Circuit, bits: float, tau: int) -> float:
    """Return the least noise that keeps `bits` of statistical security over `tau` answers; inverse of the above."""
    return math.sqrt(12 * tau) * math.pow(2, bits / 2) * plan.evaluation_error


def _weight_scales(
    parameters: Parameters, input_scale: float, sigmoid: CubicSigmoid, largest: float
) -> list[tuple[int, int]]:
    """Return (lift, weight scale) that leave head-room for a sum of `largest`; every lift costs a third in weights."""
    lifts = [1 << bits for bits in range(_MAX_LIFT_BITS)]
    found = [(lift, largest_weight_scale(parameters, input_scale, lift, sigmoid, largest)) for lift in lifts]
    if found[0][1] < _MIN_WEIGHT_SCALE:
        missing = math.log2(_MIN_WEIGHT_SCALE / max(found[0][1], 1)) * 3
        raise PlanRefused(
            "no_head_room",
            f"a sum of {largest:.0f} leaves weights a scale of {found[0][1]}, {_MIN_WEIGHT_SCALE} at least:"
            f" the modulus lacks {math.ceil(missing)} bits, or the input scale is too large",
        )
    fine = [(lift, _FINE_WEIGHT_SCALE) for lift, scale in found if scale >= _FINE_WEIGHT_SCALE]
    return fine or [(lift, scale) for lift, scale in found if scale >= _MIN_WEIGHT_SCALE]


def _check_ranges(parameters: Parameters, radius: float, max_sigma: float) -> None:
    require_levels(parameters, DATA_PRIMES_NEEDED, "a logistic step")
    require_range(0.5 <= radius <= 16, f"radius must be 0.5 to 16, got {radius}")
    require_sigma_range(max_sigma)


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected an integer, got {type(value).__name__}")
    return value
