"""The plan's sensitivity against optimisers that search for the worst record, honest or hostile."""

import math

import numpy as np
from scipy.optimize import minimize

from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.profiles import FAST, STRONG
from tests.ckks.circuits import RADIUS, plan_for, random_records

HONEST = plan_for(random_records(10, 3), STRONG)
HOSTILE = plan_for(random_records(10, 3), FAST)  # a wide tolerance gives a hostile upload more room


def contribution(plan: CircuitPlan, x: np.ndarray, v: float, w: np.ndarray) -> float:
    """Return the l2 norm of one record's part of an answer, r x."""
    z = w @ x
    residual = z * (plan.sigmoid.linear + plan.sigmoid.cubic * z * z) - v
    return float(np.linalg.norm(residual * x))


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def worst_found(plan: CircuitPlan, seed: int, tolerance: float) -> float:
    """Climb from random starts over records of squared norm 1 + tolerance, labels of 1/4 + tolerance, and weights."""
    rng = np.random.default_rng(seed)

    def loss(point: np.ndarray) -> float:
        x = math.sqrt(1 + tolerance) * unit(point[:3])
        w = point[3:6] * RADIUS / max(np.linalg.norm(point[3:6]), RADIUS)
        return -contribution(plan, x, math.copysign(math.sqrt(0.25 + tolerance), point[6]), w)

    starts = [rng.normal(size=7) * [1, 1, 1, RADIUS, RADIUS, RADIUS, 2] for _ in range(10)]
    return max(-minimize(loss, start, method="Nelder-Mead", options={"maxiter": 1500}).fun for start in starts)


def test_no_honest_record_beats_the_sensitivity_and_the_worst_comes_close() -> None:
    found = worst_found(HONEST, seed=1, tolerance=0.0)
    assert 0.999 * HONEST.sensitivity < found <= HONEST.sensitivity


def test_no_record_that_passes_the_norm_check_beats_it() -> None:
    """Whatever a hostile upload holds in its slots is pairs of real records, of these norms."""
    found = worst_found(HOSTILE, seed=2, tolerance=5 * HOSTILE.eta / 16)
    assert 0.95 * HOSTILE.sensitivity < found <= HOSTILE.sensitivity


def test_a_record_longer_than_the_norm_check_allows_would_beat_it() -> None:
    x, w = np.array([1.05, 0, 0]), np.array([RADIUS / 1.43 / 1.05, 0, 0])
    assert contribution(HONEST, x, -0.5, w) > HONEST.sensitivity
