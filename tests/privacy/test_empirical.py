"""Lower bounds from guesses: against direct computation, and right as often as they say."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from secure_ds.privacy.empirical import (
    MAX_EPSILON,
    contradicts_profile,
    epsilon_lower_bound,
    guess,
    independent_p_value,
    p_value,
    right_guesses,
)
from secure_ds.privacy.errors import InvalidPrivacyParameter

ERROR = 1e-3


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[int, int, int]:
    canaries = draw(st.integers(1, 60))
    guesses = draw(st.integers(1, canaries))
    return canaries, guesses, draw(st.integers(0, guesses))


def exact_p_value(m: int, r: int, v: int, accuracy: Fraction, delta: Fraction) -> Fraction:
    """The theorem in rational arithmetic, term by term."""

    def tail(k: int) -> Fraction:
        return sum(
            (math.comb(r, j) * accuracy**j * (1 - accuracy) ** (r - j) for j in range(max(k, 0), r + 1)), Fraction(0)
        )

    slopes = [(tail(v - i) - tail(v)) / i for i in range(1, m + 1)]
    return min(Fraction(1), tail(v) + 2 * m * delta * max([*slopes, Fraction(0)]))


@given(outcomes(), st.integers(50, 99), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_p_value_is_the_theorem(outcome: tuple[int, int, int], percent: int, delta_millionths: int) -> None:
    m, r, v = outcome
    accuracy, delta = Fraction(percent, 100), Fraction(delta_millionths, 10**6)
    exact = exact_p_value(m, r, v, accuracy, delta)
    computed = p_value(m, r, v, math.log(accuracy / (1 - accuracy)), float(delta))
    assert float(exact) * (1 - 1e-12) <= computed <= min(1.0, float(exact) * (1 + 1e-7))


@given(outcomes(), st.floats(0, 8), st.floats(0, 8), st.floats(0, 1e-3))
@settings(max_examples=60, deadline=None)
def test_p_value_grows_with_the_claim_and_falls_with_right_guesses(
    outcome: tuple[int, int, int], one: float, other: float, delta: float
) -> None:
    m, r, v = outcome
    low, high = sorted((one, other))
    assert p_value(m, r, v, low, delta) <= p_value(m, r, v, high, delta) * (1 + 1e-9)
    if v < r:
        assert p_value(m, r, v + 1, low, 0.0) <= p_value(m, r, v, low, 0.0) * (1 + 1e-9)


@given(outcomes(), st.floats(0, 1e-3))
@settings(max_examples=40, deadline=None)
def test_bound_is_where_the_p_value_crosses(outcome: tuple[int, int, int], delta: float) -> None:
    m, r, v = outcome
    bound = epsilon_lower_bound(m, r, v, delta, ERROR)
    if bound > 0:
        assert p_value(m, r, v, bound, delta) <= ERROR
    if bound < MAX_EPSILON - 1:
        assert p_value(m, r, v, bound + 1e-6, delta) > ERROR * (1 - 1e-4)


def test_all_right_has_a_closed_form() -> None:
    """Pure privacy, r of r: accuracy^r <= error."""
    accuracy = ERROR ** (1 / 500)
    assert epsilon_lower_bound(500, 500, 500, 0.0, ERROR) == pytest.approx(math.log(accuracy / (1 - accuracy)), 1e-6)


def test_noise_free_mechanism_gives_a_large_bound() -> None:
    included = np.random.default_rng(1).random(1000) < 0.5
    answer = guess(included.astype(float), 800)
    assert right_guesses(answer, included) == 800
    assert epsilon_lower_bound(1000, 800, 800, 1e-6, ERROR) > 4


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_randomised_response_is_covered(epsilon: float) -> None:
    """The mechanism for which the bound is tight. The exact chance of a bound above the truth is at most 1e-3, by the
    binomial law itself, and at least 1e-5: the bound is not idle. No randomness here."""
    m, accuracy = 400, 1 / (1 + math.exp(-epsilon))
    alarms = [v for v in range(m + 1) if epsilon_lower_bound(m, m, v, 0.0, ERROR) > epsilon]
    chance = float(stats.binom.sf(min(alarms) - 1, m, accuracy)) if alarms else 0.0
    assert alarms == list(range(min(alarms), m + 1))
    assert 1e-5 < chance <= ERROR


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_profile_bound_covers_randomised_response(epsilon: float) -> None:
    """Exact again: with the profile of the mechanism, P[contradiction] <= error."""
    m, accuracy, pair = 200, 1 / (1 + math.exp(-epsilon)), [(epsilon, 0.0)]
    alarms = [v for v in range(m + 1) if contradicts_profile(m, m, v, pair, ERROR)]
    assert not alarms or float(stats.binom.sf(min(alarms) - 1, m, accuracy)) <= ERROR


def gaussian_profile(mu: float) -> list[tuple[float, float]]:
    epsilons = np.linspace(-6 * mu, 6 * mu, 101)
    deltas = stats.norm.cdf(mu / 2 - epsilons / mu) - np.exp(epsilons) * stats.norm.cdf(-mu / 2 - epsilons / mu)
    return list(zip(epsilons.tolist(), np.maximum(deltas, 0).tolist(), strict=True))


def gaussian_guesses(mu: float, canaries: int, guesses: int, seed: int) -> int:
    random = np.random.default_rng(seed)
    included = random.random(canaries) < 0.5
    return right_guesses(guess(mu * included + random.normal(size=canaries), guesses), included)


def test_gaussian_is_covered_at_a_larger_error() -> None:
    """400 runs of a Gaussian mechanism at error 0.05: more than 38 alarms have probability below 1e-4 if the bound
    holds (binomial tail, 400 of 0.05). Seeds are fixed."""
    mu, m, r = 0.5, 200, 60
    profile = gaussian_profile(mu)
    right = [gaussian_guesses(mu, m, r, seed) for seed in range(400)]
    epsilon = max(e for e, d in profile if d >= 1e-5)
    assert sum(contradicts_profile(m, r, v, profile, 0.05) for v in right) <= 38
    assert sum(epsilon_lower_bound(m, r, v, 1e-5, 0.05) > epsilon for v in right) <= 38
    assert stats.binom.sf(38, 400, 0.05) < 1e-4


def test_profile_says_more_than_one_pair() -> None:
    """A Gaussian mechanism with four times the mu it claims, seeds fixed: each of 10 runs contradicts the profile."""
    right = [gaussian_guesses(4.0, 1000, 400, seed) for seed in range(10)]
    assert all(contradicts_profile(1000, 400, v, gaussian_profile(1.0), ERROR) for v in right)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 0.0), (1.0, 0.01), (3.0, 1e-5)])
def test_independent_guesses_are_binomial(epsilon: float, delta: float) -> None:
    """The mechanism that leaks outright with probability delta and else answers at random by epsilon is the worst."""
    accuracy = delta + (1 - delta) / (1 + math.exp(-epsilon))
    for right in range(0, 101, 10):
        computed = independent_p_value(100, right, [(epsilon, delta), (-1.0, 0.7)])
        assert computed >= float(stats.binom.sf(right - 1, 100, (math.exp(epsilon) + delta) / (math.exp(epsilon) + 1)))
        assert computed == pytest.approx(float(stats.binom.sf(right - 1, 100, accuracy)), rel=1e-6)


def test_a_contradiction_takes_more_right_guesses_the_smaller_the_error() -> None:
    profile = gaussian_profile(1.0)
    least = [
        min(v for v in range(201) if contradicts_profile(1000, 200, v, profile, error)) for error in (0.2, 0.05, 0.01)
    ]
    assert least == sorted(least) and least[0] < least[-1]
    for v in range(least[1], 201):
        assert contradicts_profile(1000, 200, v, profile, 0.05)


def test_guess_makes_exactly_the_guesses_asked_for() -> None:
    answer = guess(np.array([0.3, -2.0, 5.0, 0.1, 4.0, -1.0]), 4)
    assert answer.tolist() == [0, -1, 1, 0, 1, -1]
    assert right_guesses(answer, np.array([True, True, True, False, True, False])) == 3


@pytest.mark.parametrize("guesses", [0, 1, 3, 8])
def test_other_numbers_of_guesses_are_refused(guesses: int) -> None:
    with pytest.raises(InvalidPrivacyParameter):
        guess(np.arange(6.0), guesses)


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter):
        guess(np.array([1.0, float("nan")]), 2)
    for numbers in ((10, 11, 5, 1.0, 0.0), (10, 5, 6, 1.0, 0.0), (10, 5, 5, -1.0, 0.0), (10, 5, 5, 1.0, 0.06)):
        with pytest.raises(InvalidPrivacyParameter):
            p_value(*numbers)
    with pytest.raises(InvalidPrivacyParameter):
        epsilon_lower_bound(10, 5, 5, 0.0, 0.0)
    with pytest.raises(InvalidPrivacyParameter):
        contradicts_profile(10, 5, 5, [], ERROR)
