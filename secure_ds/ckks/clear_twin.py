"""The training step in the clear: the same arithmetic as on ciphertexts, without their noise.

For tests, benchmarks and whoever holds records and wants the exact sum. It shares the plan's cubic and integer weights
and nothing else with the encrypted circuit: here records are rows, not halves of slots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.planner import CircuitPlan

Vector = npt.NDArray[np.float64]


def step(X: Vector, v: Vector, weights: Sequence[int], plan: CircuitPlan) -> Vector:
    """Return the gradient sum of one step, shape (d,).

    Args:
        X: features, shape (n, d).
        v: labels y - 1/2, shape (n,).
        weights: integers of `weights.quantise`, length d.
        plan: the plan.
    """
    z = X @ (np.asarray(weights, dtype=np.float64) / plan.scales.weights)
    residual = plan.sigmoid(z) - 0.5 - v
    return residual @ X
