"""Scales agree exactly along the circuit, and the largest weight scale is the largest."""

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.layers.activation import fit_sigmoid
from secure_ds.ckks.profiles import FAST, MEDIUM, STRONG, Profile
from secure_ds.ckks.scales import compute_scales, largest_weight_scale

SIGMOID = fit_sigmoid(8)


def test_scales_follow_the_primes() -> None:
    parameters = STRONG.parameters
    primes = parameters.data_primes
    scales = compute_scales(parameters, STRONG.input_scale, 3000, 2**30, SIGMOID, answer_level=0)
    assert scales.forward == STRONG.input_scale * 3000
    assert scales.half == 2 * scales.forward
    assert math.isclose(scales.square * primes[4], scales.half**2, rel_tol=1e-15)
    assert math.isclose(scales.cubic * -SIGMOID.cubic, scales.half * scales.square, rel_tol=1e-15)
    assert math.isclose(scales.residual * primes[3], scales.cubic, rel_tol=1e-15)
    assert scales.columns == STRONG.input_scale * 2**30
    assert math.isclose(scales.packed * primes[2], scales.residual * scales.columns, rel_tol=1e-15)
    assert math.isclose(scales.answer * primes[1], 2 * scales.packed, rel_tol=1e-15)
    longer = compute_scales(parameters, STRONG.input_scale, 3000, 2**30, SIGMOID, answer_level=1)
    assert longer.answer == 2 * longer.packed


@given(st.floats(1, 1e6), st.sampled_from([FAST, MEDIUM, STRONG]), st.floats(1, 16), st.integers(0, 40))
def test_the_largest_weight_scale_fits_and_the_next_does_not(
    largest: float, profile: Profile, radius: float, lift_bits: int
) -> None:
    parameters, input_scale = profile.parameters, profile.input_scale
    sigmoid = fit_sigmoid(radius)
    weight_scale = largest_weight_scale(parameters, input_scale, 1 << lift_bits, sigmoid, largest)

    def coefficient(scale: int) -> Fraction:
        scales = compute_scales(parameters, input_scale, scale, 1 << lift_bits, sigmoid, answer_level=0)
        return 2 * Fraction(scales.product) * Fraction(largest)

    half = Fraction(parameters.modulus(2), 2)
    assert weight_scale == 0 or coefficient(weight_scale) <= half * (1 + Fraction(1, 2**50))
    assert coefficient(weight_scale + 1) > half * (1 - Fraction(1, 2**50))
