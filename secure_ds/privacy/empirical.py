"""What one run proves about its own privacy: lower bounds from guesses about canaries.

An auditor adds m canaries to the training set, each by a fair coin of its own, and guesses from what the mechanism put
out which were in: r guesses, v of them right. A mechanism that keeps what it claims makes too many right guesses
improbable; so many right guesses disprove the claim.

Rules kept here:
1. The number of guesses is fixed before anything is seen; `guess` makes exactly so many. No other choice is made
   after the fact, so the stated confidence needs no correction.
2. A p-value is rounded up and a bound on epsilon down: what is uncertain never stops an honest run.
3. A guess may depend on all that the mechanism put out, on the records and on public values, never on the coins.

Bounds on P[at least v right]:

- `p_value` (Steinke, Nasr, Jagielski 2023, theorem 5.2), for any (epsilon, delta)-DP mechanism. With
  f(v) = P[Binomial(r, e^epsilon / (1 + e^epsilon)) >= v] it is f(v) + 2 m delta max_i (f(v - i) - f(v)) / i.
- `contradicts_profile` (Mahloujifar, Melis, Chaudhuri 2024), for a mechanism whose whole privacy profile is claimed:
  pairs (epsilon, delta) that all hold at once. It is far tighter, as one pair describes a Gaussian mechanism badly.

- `independent_p_value`, where nothing that one guess rests on depends on another canary: a binomial tail.

Proof of the second. Let B(x) = min_k (e^epsilon_k x + delta_k): P[event | in] <= B(P[event | out]) and the reverse, B
concave. Let p_j = P[exactly j right], right_i = sum_{j >= i} p_j j / m, wrong_i = sum_{j >= i} p_j (r - j) / m.
Averaged over the canaries, right_{i+1} is the probability that this canary's guess is right and at least i of the
others are, wrong_i that it is wrong and at least i of the others are. The coins of the others fixed, these are the same
event with this canary's coin turned, so by concavity right_{i+1} <= B(wrong_i). And right_i - right_{i+1} =
i / (r - i) * (wrong_i - wrong_{i+1}), as both come from p_i. If P[at least v right] = tau, then right_v >= tau v / m;
going down from i = v to 0 with the least values that both relations allow gives right_0 + wrong_0 >= a number that
grows with tau. (Induction keeps right_i, right_i + wrong_i and right_i - wrong_i (i - 1) / (r - i + 1) above those
least values.) But right_0 + wrong_0 = r / m, so a tau that gives more is impossible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import stats

from secure_ds.privacy.errors import InvalidPrivacyParameter

MAX_EPSILON: Final = 50.0
_TAIL_ERROR: Final = 1e-9  # relative; SciPy's binomial tail is good to about 1e-12
_HALVINGS: Final = 60

Profile = Sequence[tuple[float, float]]


def guess(scores: np.ndarray, guesses: int) -> np.ndarray:
    """Guess the canaries with the highest scores to be in and those with the lowest to be out, half of each.

    Args:
        scores: (canaries,), higher for canaries that look as if they were in.
        guesses: an even number from 2 to the number of canaries, fixed before the scores are known.

    Returns:
        (canaries,) integers: 1 guessed in, -1 guessed out, 0 not guessed.

    Raises:
        InvalidPrivacyParameter: no such number of guesses, or a score is not a number.
    """
    if guesses % 2 or not 2 <= guesses <= len(scores):
        raise InvalidPrivacyParameter(f"guesses must be even and from 2 to {len(scores)} canaries, got {guesses}")
    if np.isnan(scores).any():
        raise InvalidPrivacyParameter("a score is not a number; an honest run gives none")
    order = np.argsort(scores, kind="stable")
    answer = np.zeros(len(scores), dtype=np.int64)
    answer[order[: guesses // 2]] = -1
    answer[order[len(scores) - guesses // 2 :]] = 1
    return answer


def right_guesses(answer: np.ndarray, included: np.ndarray) -> int:
    """Return how many guesses are right.

    Args:
        answer: (canaries,) from `guess`.
        included: (canaries,) booleans, the coins.
    """
    return int(np.sum(answer * np.where(included, 1, -1) == 1))


def p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Bound P[at least `right` of `guesses` right] for every (epsilon, delta)-DP mechanism.

    Args:
        canaries: m, each in with probability 1/2.
        guesses: r, at most m.
        right: v, at most r.
        epsilon: not negative.
        delta: in [0, 1), with 2 * canaries * delta <= 1, below which the bound grows with epsilon.

    Returns:
        A number in (0, 1], rounded up.

    Raises:
        InvalidPrivacyParameter: a number is out of its range.
    """
    _check(canaries, guesses, right)
    if not epsilon >= 0 or not 0 <= 2 * canaries * delta <= 1:
        raise InvalidPrivacyParameter(
            f"epsilon must not be negative and delta at most 1 / (2 * {canaries}), got {epsilon} and {delta}"
        )
    if right == 0:
        return 1.0
    accuracy = 1 / (1 + np.exp(-epsilon))
    i = np.arange(1, right + 1)
    tail = float(stats.binom.sf(right - 1, guesses, accuracy))
    slope = float(np.max((stats.binom.sf(right - 1 - i, guesses, accuracy) - tail) / i))
    return min(1.0, (tail + 2 * canaries * delta * slope) * (1 + _TAIL_ERROR))


def epsilon_lower_bound(canaries: int, guesses: int, right: int, delta: float, error: float) -> float:
    """Return the largest epsilon that the guesses disprove: no (epsilon, delta)-DP mechanism makes them this right.

    Formal guarantee: for a mechanism that is (epsilon, delta)-DP, P[bound > epsilon] <= error.

    Args:
        canaries: m.
        guesses: r.
        right: v.
        delta: of the claim.
        error: probability of a false alarm, in (0, 1).

    Returns:
        A number from 0 (nothing is disproved) to `MAX_EPSILON`, rounded down.

    Raises:
        InvalidPrivacyParameter: as `p_value`, or an error out of (0, 1).
    """
    _check_error(error)
    if p_value(canaries, guesses, right, 0.0, delta) > error:
        return 0.0
    low, high = 0.0, MAX_EPSILON
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(canaries, guesses, right, middle, delta) <= error else (low, middle)
    return low


def contradicts_profile(canaries: int, guesses: int, right: int, profile: Profile, error: float) -> bool:
    """Say whether so many right guesses have probability at most `error` for every mechanism with this profile.

    Formal guarantee: for a mechanism that has all pairs of the profile, P[true] <= error.

    Args:
        canaries: m.
        guesses: r.
        right: v.
        profile: pairs (epsilon, delta), at least one; the mechanism is (epsilon, delta)-DP for each of them. Negative
            epsilons are meant: delta(epsilon) is defined there, and the bound gains by them.
        error: probability of a false alarm, in (0, 1).

    Raises:
        InvalidPrivacyParameter: a number is out of its range, or there is no pair.
    """
    _check(canaries, guesses, right)
    _check_error(error)
    if not profile or not all(0 <= delta <= 1 for _, delta in profile):
        raise InvalidPrivacyParameter("a profile has at least one pair, and every delta is in [0, 1]")
    pairs = np.array(profile, dtype=np.float64)
    shrink, deltas = np.exp(-pairs[:, 0]), pairs[:, 1]
    m, r, v = canaries, guesses, right
    is_right, is_wrong, most = error * v / m, error * (r - v) / m, r / m * (1 + _TAIL_ERROR)
    for i in range(v - 1, -1, -1):
        least = max(is_wrong, float(np.max(shrink * (is_right - deltas))))
        is_right, is_wrong = is_right + i / (r - i) * (least - is_wrong), least
        if is_right + is_wrong > most:
            return True
    return False


def independent_p_value(guesses: int, right: int, profile: Profile) -> float:
    """Bound P[at least `right` of `guesses` right] where each guess depends on what one canary alone left behind.

    Each is then right with probability at most (e^epsilon + delta) / (e^epsilon + 1) for every pair with epsilon >= 0
    (Kairouz, Oh, Viswanath 2015), independently of the others.

    Args:
        guesses: one for each canary.
        right: v.
        profile: as for `contradicts_profile`, with a pair whose epsilon is not negative.

    Returns:
        A number in (0, 1], rounded up.
    """
    _check(guesses, guesses, right)
    accuracies = [(np.exp(epsilon) + delta) / (np.exp(epsilon) + 1) for epsilon, delta in profile if epsilon >= 0]
    tail = float(stats.binom.sf(right - 1, guesses, min(1.0, *accuracies)))
    return min(1.0, tail * (1 + _TAIL_ERROR))


def _check(canaries: int, guesses: int, right: int) -> None:
    if not 0 <= right <= guesses <= canaries or guesses < 1:
        raise InvalidPrivacyParameter(
            f"right <= guesses <= canaries must hold, with one guess at least; got {right}, {guesses}, {canaries}"
        )


def _check_error(error: float) -> None:
    if not 0 < error < 1:
        raise InvalidPrivacyParameter(f"the probability of error must be in (0, 1), got {error}")
