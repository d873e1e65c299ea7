"""Plans are reproducible, cost what was asked, and are refused where a guarantee would not hold."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.planner import flooding_sigma
from secure_ds.ckks.profiles import BITS_FOR_MORE_ANSWERS, STRONG
from secure_ds.privacy.errors import BudgetExceeded, InvalidPrivacyParameter
from secure_ds.privacy.ledger import Budget, reserve
from secure_ds.training.encrypted.facts import DataFacts, JobFacts
from secure_ds.training.encrypted.logistic.plan import LogisticPlan, make_logistic_plan
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.training.encrypted.request import PlanRequest
from tests.training.encrypted.examples import facts, plan, request

LEAST_BITS = STRONG.statistical_bits - BITS_FOR_MORE_ANSWERS


def make_plan(data: DataFacts, asked: PlanRequest) -> LogisticPlan:
    return make_logistic_plan(JobFacts.of(data), asked)


def test_the_same_inputs_give_the_same_plan() -> None:
    first, second = plan(), plan()
    assert first == second
    assert first.digest == second.digest
    assert first.digest != plan(purpose="care").digest
    assert first.digest != make_plan(facts(descriptor_digest="sha256:" + 64 * "1"), request()).digest


def test_json_survives_canonical_form_and_back() -> None:
    original = plan(steps=7, radius=5.0)
    back = plan_from_json(json.loads(rfc8785.dumps(original.to_json())))
    assert back.digest == original.digest
    assert back.charges == original.charges


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _paths(inner, (*path, key))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [found for index, inner in enumerate(value) for found in _paths(inner, (*path, index))]
    return [path]


@pytest.mark.parametrize("path", _paths(plan().to_json()), ids=lambda path: ".".join(map(str, path)))
def test_a_forged_field_is_refused_or_makes_another_plan(path: tuple[Any, ...]) -> None:
    honest = plan()
    forged = copy.deepcopy(honest.to_json())
    place = forged
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = place[path[-1]] + 1 if isinstance(place[path[-1]], int | float) else "forged"
    try:
        accepted = plan_from_json(forged)
    except PlanRefused:
        return
    assert path[0] in ("facts", "request"), "what follows from the inputs cannot be forged"
    assert accepted.digest != honest.digest


@pytest.mark.parametrize("value", [None, [], {}, {"facts": 3, "request": {}}, {"facts": {}, "request": {}}])
def test_other_json_is_not_a_plan(value: object) -> None:
    with pytest.raises(PlanRefused) as refused:
        plan_from_json(value)
    assert refused.value.reason == "not_a_plan"


@settings(max_examples=12, deadline=None)
@given(
    st.integers(20, 40_000),
    st.integers(1, 300),
    st.floats(0.05, 2),
    st.integers(1, 60),
    st.floats(1, 16),
    st.integers(1, 5),
)
def test_a_plan_keeps_its_promises(n: int, d: int, epsilon: float, steps: int, radius: float, k: int) -> None:
    data = facts(n, d, records_per_person=k)
    made = make_plan(data, request(epsilon=epsilon, steps=steps, radius=radius))
    assert len(made.charges) == steps
    assert sum(made.charges) <= data.limit.units_for(epsilon, 1e-5)
    assert made.epsilon_after(steps) < epsilon + 1e-9
    assert made.sensitivity == k * made.circuit.sensitivity or steps == 1
    assert made.sigma <= made.circuit.max_sigma
    assert made.sigma >= flooding_sigma(made.circuit, LEAST_BITS, data.max_decryptions)
    assert made.releases(0)[0].variances[0] >= (made.sigma * made.circuit.answer_scale) ** 2 * (1 - 1e-12) >= 2**56


def test_the_first_step_costs_less_than_a_later_one() -> None:
    first, *later = plan(steps=9).charges
    assert len(set(later)) == 1
    assert first < 0.3 * later[0]


def test_a_job_of_the_whole_limit_fits_once_and_only_once() -> None:
    data = facts(limit_epsilon=1.0)
    made = make_plan(data, request())
    budget, _ = reserve(Budget(data.limit), "job_a", made.charges)
    with pytest.raises(BudgetExceeded):
        reserve(budget, "job_b", made.charges)


def test_many_decryptions_raise_the_noise_and_lower_the_cost() -> None:
    few, many = (make_plan(facts(60_000, 300, max_decryptions=tau), request()) for tau in (100, 2**20))
    assert many.sigma > few.sigma
    assert many.statistical_bits == pytest.approx(LEAST_BITS)
    assert many.epsilon_after(many.steps) < few.epsilon_after(few.steps) <= 1.0


@settings(deadline=None, max_examples=30)
@given(n=st.integers(50, 20_000), d=st.integers(2, 300), epsilon=st.floats(0.1, 8))
def test_the_default_profile_keeps_48_bits_over_32_answers(n: int, d: int, epsilon: float) -> None:
    made = make_plan(facts(n, d, max_decryptions=32, limit_epsilon=8.0), request(epsilon=epsilon))
    assert made.statistical_bits >= 48 - 1e-9


def test_small_epsilon_gets_a_circuit_with_more_room() -> None:
    made = plan(epsilon=0.01)
    assert made.sigma > 256
    assert made.circuit.max_sigma >= made.sigma


def test_answers_are_rounded_to_a_1024th_of_sigma() -> None:
    made = plan()
    (form,) = made.releases(0)
    assert form.step / form.scale == pytest.approx(made.sigma / 1024, rel=1e-6)
    for integer in (0, 5, -5, form.step // 2, -form.step, 123 * form.step + 1, -(10**20)):
        (back, *_) = (
            made.mean_gradient(0, made.facts.n_features * [form.to_grid(integer)]) * made.normaliser * form.scale
        )
        assert abs(back - integer) <= form.step / 2 + abs(integer) * 1e-15


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"steps": 5000},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": 1e9},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"radius": 0.0},
        {"radius": 1e6},
        {"radius": float("nan")},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanRefused) as refused:
        plan(**changes)
    assert refused.value.reason == "out_of_range"


def test_more_than_the_owner_allows_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(PlanRefused, match="epsilon = 2 at delta = 1e-05") as refused:
        plan(epsilon=2.5)
    assert refused.value.reason == "above_limit"


def test_more_steps_than_decryptions_are_refused() -> None:
    with pytest.raises(PlanRefused, match="only ever decrypt 100") as refused:
        plan(steps=101)
    assert refused.value.reason == "too_many_steps"


def test_a_noise_grid_that_is_too_coarse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secure_ds.training.encrypted.iterative.MIN_SIGMA_ON_GRID", 1 << 90)
    with pytest.raises(PlanRefused) as refused:
        plan()
    assert refused.value.reason == "noise_grid_too_coarse"


@pytest.mark.parametrize("changes", [{"epsilon": 0.0}, {"epsilon": -1.0}, {"epsilon": float("nan")}, {"delta": 0.0}])
def test_nonsense_privacy_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidPrivacyParameter):
        plan(**changes)


def test_a_plan_is_frozen() -> None:
    with pytest.raises(AttributeError):
        plan().request = replace(request(), epsilon=9.0)  # type: ignore[misc]
