"""The release rule, and the bound behind it, on scores that are simulated."""

import numpy as np
import pytest

from secure_ds.privacy.canary_audit import (
    AuditContradictsClaim,
    AuditResult,
    audit_verdict,
    conclude,
    guesses_for,
)
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.profile import privacy_profile, profile_epsilon
from secure_ds.privacy.sampled import SampledGaussian

DELTA = 1e-5
EVENT = SampledGaussian(1.0, 1.0, 1)  # one Gaussian release: epsilon = 4.4


def found(lower_bound: float, delta: float = DELTA) -> AuditResult:
    return AuditResult(1000, 500, 252, 200, 500, 300, delta, lower_bound)


def simulated(noise: float, canaries: int, seed: int) -> AuditResult:
    random = np.random.default_rng(seed)
    included = random.random(canaries) < 0.5
    return conclude(EVENT, DELTA, included + noise * random.normal(size=canaries), included)


def test_a_bound_above_the_claim_stops_the_release() -> None:
    audit_verdict(3.0, DELTA, found(3.0))
    audit_verdict(3.0, DELTA, found(0.0))
    with pytest.raises(AuditContradictsClaim, match=r"at least 3\.01") as stopped:
        audit_verdict(3.0, DELTA, found(3.01))
    assert stopped.value.code == "audit_contradicts_claim"


def test_an_audit_at_a_smaller_delta_says_nothing() -> None:
    audit_verdict(3.0, DELTA, found(1.0, delta=1e-4))
    with pytest.raises(ValueError, match="does not bound"):
        audit_verdict(3.0, DELTA, found(1.0, delta=1e-6))


def test_honest_and_broken_noise() -> None:
    """4000 canaries, seeds fixed. Each honest run is stopped with probability 1e-3 at most, so all 10 pass but with
    probability 1e-2; a run with half the noise guesses 84 % right by a threshold, and 73 % are enough to stop it."""
    claim = profile_epsilon(EVENT, DELTA)
    assert all(simulated(1.0, 4000, seed).lower_bound <= claim for seed in range(10))
    assert all(simulated(0.5, 4000, seed).lower_bound > claim for seed in range(10))


def test_the_bound_is_not_idle() -> None:
    """An honest run with 4000 canaries proves more than a quarter of its epsilon."""
    assert simulated(1.0, 4000, 0).lower_bound > profile_epsilon(EVENT, DELTA) / 4


def test_scores_without_information_prove_nothing() -> None:
    random = np.random.default_rng(3)
    result = conclude(EVENT, DELTA, random.normal(size=2000), random.random(2000) < 0.5)
    assert result.lower_bound < 0.2


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter):
        conclude(EVENT, DELTA, np.array([0.0, np.nan, 1.0, 2.0]), np.ones(4, dtype=bool))


@pytest.mark.parametrize("canaries", [2, 3, 64, 1000, 4001])
def test_guesses_are_even_and_fixed(canaries: int) -> None:
    guesses = guesses_for(canaries)
    assert guesses % 2 == 0 and 2 <= guesses <= canaries


def test_profile_is_the_events() -> None:
    """Epsilon at delta is where the profile passes delta; less noise makes every delta larger."""
    profile, noisy = privacy_profile(EVENT), privacy_profile(EVENT, 2.0)
    epsilon = profile_epsilon(EVENT, DELTA)
    assert all(delta <= DELTA for each, delta in profile if each >= epsilon)
    assert all(delta > DELTA for each, delta in profile if each < epsilon - 0.01)
    at_zero = [dict(each)[0.0] for each in (profile, noisy)]
    assert at_zero[0] == pytest.approx(0.3829, abs=2e-3)  # 2 Phi(1/2) - 1
    assert at_zero[1] == pytest.approx(0.1974, abs=2e-3)  # 2 Phi(1/4) - 1
