"""Terms of the error proof that no decryption shows by itself, against exact arithmetic."""

from fractions import Fraction

import pytest

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.circuit_error import StepError
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import CircuitPlan, plan_logistic

SHORT_CHAIN = Parameters.from_bits(16384, (60, 60, 40, 50, 60))  # little room above the residual: coarse constants


def plan(radius: float) -> CircuitPlan:
    return plan_logistic(
        SHORT_CHAIN, input_scale=2.0**36, n_records=100, n_features=5, n_blocks=1, radius=radius, eta=2.0**-6
    )


def input_error(noise: NoiseModel, step: CircuitPlan) -> float:
    return (noise.encryption_operator + noise.encoding_operator(step.n_records, step.input_scale)) / step.input_scale


@pytest.mark.parametrize("radius", [0.5, 4.0])
def test_whole_constants_stay_within_their_bound_and_beta_contains_it(radius: float) -> None:
    """Redo the residual's two constants as the circuit rounds them, at the largest z and label."""
    step = plan(radius)
    scales, k = step.scales, Fraction(-step.sigmoid.cubic)
    factor = Fraction(step.sigmoid.linear) / k * Fraction(scales.square)
    label = Fraction(scales.cubic) / Fraction(scales.inputs)
    off_factor, off_label = abs(round(factor) - factor), abs(round(label) - label)
    z, v = Fraction(radius), Fraction(1, 2)
    off = step.n_records * (off_factor * z * k / Fraction(scales.square) + off_label * v / label)
    noise = NoiseModel(step.parameters, n_columns=step.n_features + 2, n_blocks=step.n_blocks)
    z_max = radius * (1 + step.eta) + radius * input_error(noise, step)
    errors = StepError(
        noise, scales, step.sigmoid, step.n_records, step.n_features, radius, step.eta, z_max, step.rho, 0
    )
    assert 0 < off <= errors.rounded_constants()
    assert step.beta >= errors.bound(input_error(noise, step)) + errors.rounded_constants()
