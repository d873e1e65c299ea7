"""One release that costs what was asked, noise as the guarantee says, weights that follow to the last bit."""

import json
import random

import numpy as np
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.profiles import FAST
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.least_squares.moments import exact_units
from secure_ds.training.encrypted.least_squares.plan import make_least_squares_plan
from secure_ds.training.encrypted.least_squares.twin import clear_answer, exact_weights
from secure_ds.training.encrypted.planning import make_plan, plan_from_json
from tests.ckks.statistics_examples import some_records
from tests.training.encrypted.examples import request
from tests.training.encrypted.least_squares.examples import facts, plan


def test_json_survives_canonical_form_and_back():
    made = plan()
    back = plan_from_json(json.loads(rfc8785.dumps(made.to_json())))
    assert back == made
    assert back.digest == made.digest


def test_a_forged_ridge_or_noise_is_refused():
    for group, field in (("settings", "ridge"), ("noise", "diagonal"), ("circuit", "lift")):
        forged = plan().to_json()
        forged[group][field] = 0
        with pytest.raises(PlanRefused) as refused:
            plan_from_json(forged)
        assert refused.value.reason == "not_reproducible"


@settings(max_examples=10, deadline=None)
@given(st.integers(20, 60_000), st.integers(2, 200), st.integers(2, 10), st.floats(0.01, 2), st.integers(1, 5))
def test_a_plan_keeps_its_promises(n, d, c, epsilon, k):
    data = facts(n, d, c, records_per_person=k)
    made = make_plan(JobFacts.of(data), request(algorithm="encrypted_least_squares", epsilon=epsilon))
    assert len(made.charges) == made.steps == 1
    assert sum(made.charges) <= data.limit.units_for(epsilon, 1e-5)
    assert made.epsilon_after(1) < epsilon + 1e-9
    assert made.statistical_bits > 48
    assert sum(len(release.positions) for release in made.releases(0)) == d * (d + 1) // 2 + d * (1 if c == 2 else c)
    assert all(min(release.variances) >= 2**56 for release in made.releases(0))


def test_noise_off_the_diagonal_is_smaller_by_the_root_of_two():
    made = plan()
    moments = made.releases(0)[0]
    pairs = made.circuit.parts[0].pairs
    on = {variance for (j, k), variance in zip(pairs, moments.variances, strict=True) if j == k}
    off = {variance for (j, k), variance in zip(pairs, moments.variances, strict=True) if j != k}
    assert len(on) == len(off) == 1
    assert 0 <= 2 * off.pop() - on.pop() <= 1


def test_weights_come_from_the_answer_alone_and_are_the_same_bits_each_time():
    made, X, labels = plan(), some_records(1000, 8), np.random.default_rng(1).integers(0, 3, 1000)
    answer = clear_answer(made, X, labels, random.Random(1))
    kind, tensors = made.tensors_after([answer])
    assert kind == "linear"
    assert tensors["weights"].shape == (3, 8)
    assert made.state_after([answer]).tobytes() == plan().state_after([list(answer)]).tobytes()
    assert not made.state_after([]).any()


def test_two_answers_or_one_of_another_length_are_refused():
    with pytest.raises(ValueError, match="one answer"):
        plan().state_after([[0], [0]])
    with pytest.raises(ValueError, match="integers"):
        plan().state_after([[0]])


def test_many_records_hide_the_noise():
    """With much data the private weights are those of exact statistics, nearly."""
    made = plan(60_000, 4, 3)
    X, labels = some_records(60_000, 4), np.random.default_rng(1).integers(0, 3, 60_000)
    X[:, 0] = np.where(labels == 0, np.abs(X[:, 0]), -np.abs(X[:, 0]))
    weights = made.state_after([clear_answer(made, X, labels, random.Random(1))]).reshape(3, 4)
    exact = exact_weights(made, exact_units(made.circuit, X, labels))
    assert np.abs(weights - exact).max() < 0.02 * np.abs(exact).max()


def test_settings_of_iterative_algorithms_are_refused():
    with pytest.raises(PlanRefused, match="no setting radius, steps") as refused:
        plan(steps=3, radius=2.0)
    assert refused.value.reason == "out_of_range"


def test_a_ring_without_the_levels_is_refused():
    fast = facts(parameters=FAST.parameters, input_scale=FAST.input_scale, eta=FAST.eta)
    with pytest.raises(PlanRefused) as refused:
        make_least_squares_plan(JobFacts.of(fast), request())
    assert refused.value.reason == "statistics_not_exact"


def test_more_numbers_than_delta_pays_for_are_refused():
    with pytest.raises(PlanRefused) as refused:
        make_least_squares_plan(JobFacts.of(facts(coordinates=10)), request())
    assert refused.value.reason == "too_many_numbers"


def test_so_little_noise_that_the_grid_is_too_coarse_is_refused(monkeypatch):
    monkeypatch.setattr("secure_ds.training.encrypted.least_squares.plan.MIN_SIGMA_ON_GRID", 1 << 90)
    with pytest.raises(PlanRefused) as refused:
        plan()
    assert refused.value.reason == "noise_grid_too_coarse"
