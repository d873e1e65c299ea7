"""Plans: what they promise, what they refuse, and that nobody can hand over one that its numbers do not give."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.input_files import PUBLIC_KEY
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import CircuitPlan, check_headroom, flooding_sigma, plan_logistic, statistical_bits
from secure_ds.ckks.profiles import FAST, STRONG, Profile

GOLDEN = {
    "format": "secure-ds/ckks-logistic-plan/2",
    "input_scale": "0x1.0000000000000p+50",
    "n_records": 455,
    "n_features": 31,
    "n_blocks": 1,
    "radius": "0x1.0000000000000p+3",
    "eta": "0x1.0000000000000p-20",
    "max_sigma": "0x1.0000000000000p+8",
    "keying": {"encryption": "symmetric_seeded", "rotated": False},
    "linear": "0x1.33724713b0000p-3",
    "cubic": "-0x1.a19956a400000p-10",
    "weight_scale": 4096,
    "lift": "134217728",
    "answer_level": 0,
    "answer_scale": "0x1.39ded91c20880p+46",
    "rho": "0x1.0f98400000000p+0",
    "evaluation_error": "0x1.db8f800000000p-29",
    "beta": "0x1.7f55c00000000p-28",
}


def plan(profile: Profile = STRONG, **changes: Any) -> CircuitPlan:
    numbers: dict[str, Any] = {
        "input_scale": profile.input_scale,
        "n_records": 11_982,
        "n_features": 196,
        "n_blocks": 1 if profile is STRONG else 2,
        "radius": 8.0,
        "eta": profile.eta,
    }
    return plan_logistic(changes.pop("parameters", profile.parameters), **{**numbers, **changes})


@pytest.mark.parametrize("radius", [4.0, 8.0])
@pytest.mark.parametrize("n_features", [196, 197])
def test_the_default_profile_has_48_statistical_bits_at_32_decryptions(radius: float, n_features: int) -> None:
    assert statistical_bits(plan(radius=radius, n_features=n_features), sigma=23, tau=32) >= 48


def test_sensitivity_is_rho_but_for_eta_and_beta() -> None:
    strong = plan()
    assert strong.sensitivity == (1 + strong.eta) * strong.rho + 2 * strong.beta
    assert 1.0609 < strong.rho < strong.sensitivity < 1.0610
    assert strong.evaluation_error < strong.beta < 1e-7


@given(st.integers(1, 16384), st.integers(1, 400), st.floats(0.5, 16), st.floats(1, 1000))
def test_no_admitted_circuit_can_wrap_around(n: int, d: int, radius: float, max_sigma: float) -> None:
    step = plan(n_records=n, n_features=d, n_blocks=1, radius=radius, max_sigma=max_sigma)
    largest = n * step.rho * (1 + step.eta) + step.beta + 16 * max_sigma
    assert 2 * step.scales.product * largest < step.parameters.modulus(2) / 2
    assert 2 * step.scales.packed * largest < step.parameters.modulus(1) / 2
    assert step.answer_scale * largest < step.parameters.modulus(step.answer_level) / 2
    assert step.scales.cubic * 2 < step.parameters.modulus(step.input_level - 1) / 2
    assert (step.scales.half * radius) ** 2 * 2 < step.parameters.modulus(step.input_level) / 2
    assert step.scales.weights >= 64


def test_json_is_exact_and_reproducible() -> None:
    for profile in (FAST, STRONG):
        original = plan(profile)
        assert CircuitPlan.from_json(original.to_json()) == original


def test_golden_json() -> None:
    """The form is stored and signed: a change of any field or number is a new format."""
    written = plan(n_records=455, n_features=31, n_blocks=1).to_json()
    written.pop("parameters")
    assert written == GOLDEN


@pytest.mark.parametrize("field", ["answer_scale", "rho", "beta", "evaluation_error", "linear", "cubic"])
def test_a_plan_with_another_derived_number_is_refused(field: str) -> None:
    forged = plan().to_json()
    forged[field] = math.nextafter(float.fromhex(str(forged[field])), math.inf).hex()
    with pytest.raises(PlanRefused) as refusal:
        CircuitPlan.from_json(forged)
    assert refusal.value.reason == "not_reproducible"


@pytest.mark.parametrize(
    "change", [{"radius": 8.0}, {"n_records": "1"}, {"n_records": True}, {"eta": "x"}, {"parameters": {}}]
)
def test_other_shapes_are_not_plans(change: dict[str, object]) -> None:
    for value in ({**plan().to_json(), **change}, None, [], {}):
        with pytest.raises(PlanRefused) as refusal:
            CircuitPlan.from_json(value)
        assert refusal.value.reason == "not_a_plan"


def test_too_few_levels_says_how_many() -> None:
    parameters = Parameters.from_bits(16384, (60, 60, 60, 60))
    with pytest.raises(PlanRefused, match="needs 4 levels, the parameters have 3") as refusal:
        plan(parameters=parameters)
    assert refusal.value.reason == "too_few_levels"


@pytest.mark.parametrize(
    ("profile", "changes"),
    [
        (FAST, {"max_sigma": 2.0**20}),
        (FAST, {"input_scale": 2.0**34, "eta": 2.0**-6}),
        (STRONG, {"input_scale": 2.0**87}),
    ],
)
def test_what_would_wrap_around_is_refused(profile: Profile, changes: dict[str, float]) -> None:
    with pytest.raises(PlanRefused, match=r"lacks|leave") as refusal:
        plan(profile, **changes)
    assert refusal.value.reason in ("no_head_room", "out_of_range")


@pytest.mark.parametrize(
    "change",
    [
        {"n_records": 0},
        {"n_records": 16_385},
        {"n_features": 0},
        {"n_features": 8193},
        {"radius": 0.4},
        {"radius": math.nan},
        {"radius": 17.0},
        {"eta": 0.0},
        {"eta": 0.1},
        {"eta": math.inf},
        {"n_blocks": 0},
        {"n_blocks": 10**400, "n_records": 10**400},
        {"max_sigma": 0.0},
        {"max_sigma": math.inf},
        {"input_scale": 3.0 * 2**40},
        {"input_scale": math.inf},
        {"input_scale": 2.0**10},
    ],
)
def test_numbers_out_of_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan(**change)
    assert refusal.value.reason == "out_of_range"


def test_a_tolerance_the_norm_check_cannot_resolve_is_refused() -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan(FAST, eta=2.0**-20)
    assert refusal.value.reason == "eta_too_small"


def test_noise_has_head_room_up_to_max_sigma() -> None:
    step = plan(max_sigma=100.0)
    check_headroom(step, 100.0)
    for sigma in (100.1, -1.0, math.nan):
        with pytest.raises(PlanRefused):
            check_headroom(step, sigma)


@given(st.floats(1, 60), st.integers(1, 5000))
def test_flooding_sigma_and_statistical_bits_are_inverse(bits: float, tau: int) -> None:
    step = plan()
    assert statistical_bits(step, flooding_sigma(step, bits, tau), tau) == pytest.approx(bits)


def test_a_rotated_key_costs_less_than_a_bit_and_a_public_one_about_eight() -> None:
    """What each adds to the error that depends on secrets, on MNIST's shape in the default profile."""
    fresh, rotated, public = (plan(keying=keying) for keying in (FRESH, Keying(rotated=True), Keying(PUBLIC_KEY)))
    assert 2 * math.log2(rotated.evaluation_error / fresh.evaluation_error) < 1
    assert (fresh.answer_level, rotated.answer_level) == (0, 1)  # where the last key switching is nothing
    assert 7 < 2 * math.log2(public.evaluation_error / fresh.evaluation_error) < 10


def test_sizes() -> None:
    step = plan()
    assert step.input_bytes == 655_554  # seeded
    assert step.upload_bytes == 198 * step.input_bytes
    assert step.answer_bytes == 262_257
    assert step.evaluation_key_bytes == 50_730_923
    assert step.n_columns == 198
