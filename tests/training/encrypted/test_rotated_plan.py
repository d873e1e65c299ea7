"""What a plan makes of a rotated key: a little more error, and noise for the answers of all keys."""

import math

import pytest

from secure_ds.ckks.keying import Keying
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.logistic.plan import LogisticPlan, make_logistic_plan
from secure_ds.training.encrypted.planning import plan_from_json
from tests.training.encrypted.examples import facts, request

OWN = 32


def planned(prior: int, n_records: int = 60_000, **keying: bool) -> LogisticPlan:
    """A job on so many records that flooding decides the noise."""
    data = facts(n_records, 197, max_decryptions=OWN, prior_decryptions=prior, keying=Keying(**keying))
    return make_logistic_plan(JobFacts.of(data), request(epsilon=2.0))


def test_the_noise_is_sized_for_the_answers_of_all_keys() -> None:
    """Fifteen keys before this one: sixteen times the answers are four bits less for the same noise."""
    first, sixteenth = planned(0, rotated=True), planned(15 * OWN, rotated=True)
    assert sixteenth.facts.tau == 16 * OWN
    assert sixteenth.sigma == first.sigma  # 48 bits over 32 answers are enough for both
    assert sixteenth.statistical_bits == pytest.approx(first.statistical_bits - 4, abs=1e-9)


def test_a_long_line_pays_with_more_noise() -> None:
    first, last = planned(0, rotated=True), planned(2**18, rotated=True)
    assert last.sigma > first.sigma
    assert last.statistical_bits >= 40 > first.statistical_bits - math.log2(last.facts.tau / OWN)
    assert last.epsilon_after(last.steps) < first.epsilon_after(first.steps)


def test_steps_are_counted_for_the_new_key_alone() -> None:
    assert planned(10**6).facts.max_decryptions == OWN


def test_answers_are_switched_where_that_adds_next_to_nothing() -> None:
    """At level 1, before the last rescaling; an answer under the key of the files stands at level 0, half as long."""
    before, after = planned(0), planned(0, rotated=True)
    assert (before.releases(0)[0].level, after.releases(0)[0].level) == (0, 1)
    assert after.statistical_bits >= 48
    assert after.sensitivity < 1.01 * before.sensitivity


def test_a_rotated_plan_is_read_back() -> None:
    plan = planned(64, rotated=True)
    assert plan_from_json(plan.to_json()) == plan
    assert plan.to_json()["tau"] == 64 + OWN
