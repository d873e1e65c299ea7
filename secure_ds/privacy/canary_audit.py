"""The canary audit's result, and the rule that it can stop a release.

Rules kept here:
1. The number of guesses is a fixed function of the number of canaries (`guesses_for`), the error probability a
   constant: nothing is chosen after scores are seen.
2. Three bounds are taken, each at a third of the error, and the largest counts; by the union bound an honest run is
   stopped with probability 1e-3 at most.
   - `Steinke`: nothing but (epsilon, delta) is assumed. Weak for a Gaussian mechanism.
   - `one run`: against the plan's whole profile, its noise scaled down until the guesses are no longer surprising.
   - `independent`: the same, where canaries do not touch each other. Each guess is then right with probability
     (1 + delta(0)) / 2 at most, delta(0) being the total variation between in and out, independently of the others, and
     a thousand canaries say much. Every other canary finds the threshold that the rest are guessed by. Canaries of one
     coordinate each are independent when the run is honest: in their coins, in Poisson sampling, in noise. So the
     chance of stopping an honest run needs no assumption; that a broken run's epsilon is as large as this bound says
     does.
3. A lower bound above the claim stops the release, whatever else is in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from typing import Any, Final

import numpy as np

from secure_ds.privacy.empirical import (
    Profile,
    contradicts_profile,
    epsilon_lower_bound,
    guess,
    independent_p_value,
    right_guesses,
)
from secure_ds.privacy.errors import PrivacyError
from secure_ds.privacy.profile import privacy_profile, profile_epsilon
from secure_ds.privacy.sampled import SampledGaussian

ERROR: Final = 1e-3  # probability that an honest run is stopped
_GUESSES_PER_ROOT: Final = 8
_LEAST_SCALE, _MOST_SCALE, _HALVINGS = -1.0, 5.0, 9  # of the noise, in powers of 2; found to within 1 %


class AuditContradictsClaim(PrivacyError):
    """What the run gave away disproves the epsilon it claims; the model is not released."""

    code = "audit_contradicts_claim"

    def __init__(self, claimed_epsilon: float, delta: float, result: AuditResult) -> None:
        super().__init__(
            f"{result.right} of the {result.guesses} surest guesses and {result.right_of_tested} of {result.tested} "
            f"by a threshold are right: epsilon is at least {result.lower_bound:.4g} at delta = {delta:.3g} with "
            f"confidence {1 - result.error:g}, but {claimed_epsilon:.4g} is claimed; the engine, its noise or its "
            "sampling is broken"
        )


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What one run proved about itself.

    Attributes:
        canaries: m, how many were added, each in with probability 1/2.
        included: how many were in.
        guesses: r.
        right: v.
        tested: canaries that were guessed by a threshold which the others gave.
        right_of_tested: how many of these guesses were right.
        delta: at which the bound holds.
        lower_bound: epsilon is at least this, with confidence 1 - error; 0 when nothing was proved.
        error: probability that the bound is above the truth.
    """

    canaries: int
    included: int
    guesses: int
    right: int
    tested: int
    right_of_tested: int
    delta: float
    lower_bound: float
    error: float = ERROR

    @property
    def effect(self) -> str:
        """What the canaries do to the model, in words, and what the bound rests on."""
        return (
            f"{self.canaries} canaries were added to the training set as units of their own and {self.included} of "
            "them took part, each moving one number of the model by at most the clipping bound of a unit whenever it "
            f"was sampled. By a threshold that the others gave, {self.right_of_tested} of {self.tested} were guessed "
            "right. A low bound is no proof of privacy."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as it stands on certificates."""
        return {
            "canaries": self.canaries,
            "guesses": self.guesses,
            "correct": self.right,
            "epsilon_lower_bound": self.lower_bound,
            "confidence": 1 - self.error,
            "effect": self.effect,
        }


def guesses_for(canaries: int) -> int:
    """Return how many guesses are made about so many canaries: even, about 8 times the square root, at most all.

    So many are the surest of a Gaussian's, and enough for an error of 1e-3 (see the tests of power).
    """
    return min(canaries, isqrt(_GUESSES_PER_ROOT**2 * canaries)) // 2 * 2


def conclude(event: SampledGaussian, delta: float, scores: np.ndarray, included: np.ndarray) -> AuditResult:
    """Guess, count and bound.

    Formal guarantee: when the run is as private as `event`, P[lower_bound > its epsilon at delta] <= 1e-3.

    Args:
        event: what the plan accounts for.
        delta: of the claim.
        scores: (canaries,), higher for those that look as if they were in; a function of what the run put out.
        included: (canaries,) booleans, the coins.

    Raises:
        InvalidPrivacyParameter: fewer than two canaries, more than 1 / (2 delta), or a score that is not a number.
    """
    m, r = len(scores), guesses_for(len(scores))
    right = right_guesses(guess(scores, r), included)
    threshold = _best_threshold(scores[::2], included[::2])
    right_of_tested = right_guesses(np.where(scores[1::2] > threshold, 1, -1), included[1::2])
    error = ERROR / 3

    def one_run(profile: Profile) -> bool:
        return contradicts_profile(m, r, right, profile, error)

    def independent(profile: Profile) -> bool:
        return independent_p_value(m // 2, right_of_tested, profile) <= error

    bounds = (
        epsilon_lower_bound(m, r, right, delta, error),
        _scaled_noise_bound(event, delta, one_run),
        _scaled_noise_bound(event, delta, independent),
    )
    return AuditResult(m, int(np.sum(included)), r, right, m // 2, right_of_tested, delta, max(bounds))


def audit_verdict(claimed_epsilon: float, delta: float, result: AuditResult) -> None:
    """Let a release pass, or stop it.

    Args:
        claimed_epsilon: what the certificate would say.
        delta: of that claim.
        result: of the audit, at the same delta or a larger one.

    Raises:
        AuditContradictsClaim: the lower bound is above the claim.
        ValueError: the audit was made at a smaller delta, and so says nothing about the claim.
    """
    if result.delta < delta:
        raise ValueError(f"an audit at delta = {result.delta} does not bound epsilon at delta = {delta}")
    if result.lower_bound > claimed_epsilon:
        raise AuditContradictsClaim(claimed_epsilon, delta, result)


def _best_threshold(scores: np.ndarray, included: np.ndarray) -> float:
    """Return the score above which guessing "in" is right most often."""
    order = np.argsort(scores, kind="stable")
    gains = np.cumsum(np.where(included[order], -1, 1))  # of calling the first k + 1 "out" rather than "in"
    best = int(np.argmax(gains))
    return float(scores[order[best : best + 2]].mean()) if gains[best] > 0 else -np.inf


def _scaled_noise_bound(event: SampledGaussian, delta: float, disproves: Callable[[Profile], bool]) -> float:
    """Return the epsilon of the least noisy such mechanism that the guesses disprove; 0 when there is none."""

    def is_disproved(exponent: float) -> bool:
        return disproves(privacy_profile(event, 2.0**exponent))

    low, high = _LEAST_SCALE, _MOST_SCALE
    if not is_disproved(high):
        return 0.0
    if is_disproved(low):
        return profile_epsilon(event, delta, 2.0**low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_disproved(middle) else (middle, high)
    return profile_epsilon(event, delta, 2.0**high)
