"""A plan keeps its promise, fits a fresh budget, says the same to everybody, and is refused where there is none."""

import os
import subprocess
import sys
from typing import Any

import pytest

import secure_ds.training.dp.plan as plan_module
from secure_ds.privacy.accountants import tightest
from secure_ds.privacy.errors import DeltaTooSmall, InvalidPrivacyParameter, PlanRefused, PrivacyError
from secure_ds.privacy.noise_distance import allowance
from secure_ds.privacy.renyi import DEFAULT_ORDERS, RenyiLimit, open_budget, reserve
from secure_ds.privacy.renyi_cost import step_cost
from secure_ds.privacy.sampled import SampledGaussian
from secure_ds.training.dp.plan import DpPlan, DpRequest, SealedFacts, make_dp_plan, plan_from_json
from secure_ds.training.dp.samplers import PoissonSampler, TruncatedPoissonSampler

SCHEMAS: dict[str, dict[str, Any]] = {
    "table": {"kind": "table", "label": {"column": "y", "classes": ["a", "b"]}},
    "images": {
        "kind": "images",
        "channels": 1,
        "height": 8,
        "width": 8,
        "label": {"column": "y", "classes": list("0123456789")},
    },
    "tokens": {"kind": "tokens", "vocabulary": 256, "context": 16},
}
FEATURES = {"table": 6, "images": 64, "tokens": 16}


def facts_for(kind: str = "table", **changes: Any) -> SealedFacts:
    settings = {
        "dataset_id": "ds_a",
        "descriptor_digest": "sha256:" + "0" * 64,
        "n_rows": 5000,
        "n_units": 5000,
        "rows_per_unit": 1,
        "unit": "record",
        "schema": SCHEMAS[kind],
        "n_features": FEATURES[kind],
        "limit_epsilon": 8.0,
        "limit_delta": 1e-5,
        "orders": DEFAULT_ORDERS,
    }
    return SealedFacts(**{**settings, **changes})


def request_for(**changes: Any) -> DpRequest:
    return DpRequest(
        **{"algorithm": "sealed_dp_sgd", "epsilon": 3.0, "delta": 1e-5, "purpose": "tests", "steps": 200, **changes}
    )


def plan_for(kind: str = "table", facts: dict[str, Any] | None = None, **changes: Any) -> DpPlan:
    return make_dp_plan(facts_for(kind, **(facts or {})), request_for(**changes))


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_a_plan_keeps_its_promise_and_comes_back_from_json(kind: str) -> None:
    plan = plan_for(kind)
    assert 2.9 < plan.epsilon_after(plan.steps) <= 3.0
    assert plan.epsilon_after(0) == 0.0 < plan.epsilon_after(1) < plan.epsilon_after(100) < plan.epsilon_after(200)
    assert plan_from_json(plan.to_json()) == plan
    assert plan.normaliser == pytest.approx(plan.sampler.sampling_rate * plan.facts.n_units)


def test_less_noise_is_accounted_than_is_added() -> None:
    plan = plan_for()
    assert plan.event.noise_multiplier * (1 + allowance(plan.normaliser)) == pytest.approx(plan.noise_multiplier)
    assert plan.delta_of_mechanism < plan.request.delta
    bare = tightest(plan.event, plan.request.delta)[0]
    assert bare < plan.epsilon_after(plan.steps)


@pytest.mark.parametrize("epsilon", [1.0, 3.0, 8.0])
def test_a_wish_for_the_whole_limit_fits_a_fresh_budget(epsilon: float) -> None:
    plan = plan_for(facts={"limit_epsilon": epsilon}, epsilon=epsilon)
    limit = RenyiLimit(epsilon, 1e-5, DEFAULT_ORDERS)
    reserve(open_budget(limit), "job_a", plan.step_cost, plan.steps)
    assert plan.epsilon_after(plan.steps) < epsilon
    freer = plan_for(facts={"limit_epsilon": 2 * epsilon}, epsilon=epsilon)
    assert freer.noise_multiplier < plan.noise_multiplier


def test_the_ledger_is_charged_for_numbers_and_for_cuts() -> None:
    plain, cut = plan_for(), plan_for(sampler="truncated_poisson")
    assert isinstance(plain.sampler, PoissonSampler)
    assert isinstance(cut.sampler, TruncatedPoissonSampler)
    assert plain.event == cut.event
    assert all(more >= less for more, less in zip(cut.step_cost, plain.step_cost, strict=True))
    assert cut.step_cost[-1] > plain.step_cost[-1]
    bare = step_cost(plain.event.after(1), DEFAULT_ORDERS)
    assert all(more > less for more, less in zip(plain.step_cost, bare, strict=True))


def test_users_are_protected_whole() -> None:
    plan = plan_for(facts={"n_rows": 9000, "unit": "user", "rows_per_unit": 4})
    assert plan.unit == "user with up to 4 records"
    assert plan.neighbours == "zero-out one privacy unit"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"epsilon": 9.0}, "above_limit"),
        ({"delta": 1e-4}, "above_limit"),
        ({"epsilon": 0.0}, "out_of_range"),
        ({"epsilon": float("nan")}, "out_of_range"),
        ({"delta": 0.0}, "out_of_range"),
        ({"algorithm": "sgd"}, "unknown_algorithm"),
        ({"batch_size": 0}, "out_of_range"),
        ({"batch_size": 5001}, "out_of_range"),
        ({"steps": 0}, "out_of_range"),
        ({"l2_norm_clip": float("inf")}, "out_of_range"),
        ({"learning_rate": 0.0}, "out_of_range"),
        ({"sampler": "shuffled"}, "out_of_range"),
        ({"optimiser": "adam"}, "out_of_range"),
        ({"canaries": -1}, "out_of_range"),
        ({"model": {"family": "mlp"}}, "wrong_model"),
    ],
)
def test_what_has_no_plan_is_refused_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        plan_for(**changes)
    assert refused.value.reason == reason


def test_a_delta_that_would_allow_to_publish_a_unit_is_refused() -> None:
    with pytest.raises(PlanRefused, match="outright"):
        plan_for(facts={"limit_delta": 1e-3}, delta=1e-3)


def test_records_without_a_model_are_refused() -> None:
    with pytest.raises(PlanRefused, match="no model"):
        plan_for(facts={"schema": {"kind": "sounds"}})


@pytest.mark.parametrize(
    ("field", "value"),
    [("noise_multiplier", 0.1), ("steps", 100), ("normaliser", 1.0), ("event", {}), ("step_cost", [])],
)
def test_a_plan_with_anything_changed_is_refused(field: str, value: object) -> None:
    with pytest.raises(PlanRefused) as refused:
        plan_from_json({**plan_for().to_json(), field: value})
    assert refused.value.reason == "not_reproducible"


@pytest.mark.parametrize("value", [None, [], {}, {"facts": 1, "request": 2}])
def test_what_is_no_plan_is_refused(value: object) -> None:
    with pytest.raises(PrivacyError):
        plan_from_json(value)


def test_another_process_plans_the_same_bytes() -> None:
    told = (
        "from tests.training.dp.test_plan import plan_for; import sys; print(plan_for().digest);"
        "assert not {'torch', 'opacus'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, env=environment, check=True, timeout=120
    )
    assert result.stdout.split() == [plan_for().digest]


def test_noise_too_wide_for_its_grid_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secure_ds.training.dp.calibration.LARGEST_SPREAD", 1.0)
    with pytest.raises((InvalidPrivacyParameter, DeltaTooSmall), match="not proven"):
        plan_for()


def test_a_delta_that_the_noises_distance_uses_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "slack", lambda *_: 6e-6)
    with pytest.raises(PlanRefused, match=r"must be above 1\.2e-05 for a model of this size") as refused:
        plan_for()
    assert refused.value.reason == "delta_too_small"


@pytest.mark.parametrize("canaries", [0, 100, 500])
def test_places_are_counted_with_the_canaries_that_need_them_too(canaries: int) -> None:
    plan = plan_for(sampler="truncated_poisson", canaries=canaries)
    assert isinstance(plan.sampler, TruncatedPoissonSampler)
    drawn_from = plan.facts.n_units + canaries
    event = plan.event
    cut = SampledGaussian(event.noise_multiplier, event.sampling_rate, plan.steps, (drawn_from, plan.sampler.max_units))
    true = tightest(cut, plan.delta_of_mechanism)[0]
    assert true <= plan.epsilon_after(plan.steps) * (1 + 1e-6)


@pytest.mark.parametrize("clip", [1e-28, 9e-4, 2e6])
def test_a_clipping_norm_whose_square_float32_cannot_hold_is_refused(clip: float) -> None:
    with pytest.raises(PlanRefused, match="float32 cannot hold its square"):
        plan_for(l2_norm_clip=clip)


@pytest.mark.parametrize("canaries", [1, 60_000])
def test_canaries_whose_audit_could_not_conclude_are_refused(canaries: int) -> None:
    with pytest.raises(PlanRefused, match="canaries must be 0, or 2 to the smaller"):
        plan_for(canaries=canaries)


def test_decay_is_what_adamw_has_and_adam_has_not() -> None:
    assert [plan_for(optimiser=kind).optimiser.weight_decay for kind in ("dp_adam", "dp_adamw")] == [0.0, 0.01]
