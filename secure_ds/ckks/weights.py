"""The integers that stand for clear weights on their way into a circuit, and the numbers that come out.

Pure Python: worker, custodian, client and verifier must agree on both to the last bit.

Rules kept here:
  1. Weights are cut towards zero, so their norm never grows: a vector within the plan's radius stays within it.
  2. Released integers map to gradient sums by one division each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.planner import CircuitPlan

_NORM_SLACK = 1e-12  # a projected vector may exceed the radius by rounding; eta is far larger


def quantise(weights: npt.ArrayLike, plan: CircuitPlan) -> tuple[int, ...]:
    """Return the integer weights of a step: weights times the plan's weight scale, cut towards zero.

    Args:
        weights: shape (d,), finite, l2 norm at most the plan's radius.
        plan: the plan.

    Raises:
        EvaluationRefused: another shape, a number that is not finite, or a norm above the radius.
    """
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (plan.n_features,):
        raise EvaluationRefused(f"weights must have shape ({plan.n_features},), got {values.shape}")
    norm = math.sqrt(math.fsum(value * value for value in values.tolist()))
    if not norm <= plan.radius * (1 + _NORM_SLACK):
        raise EvaluationRefused(f"weights must be finite with norm at most {plan.radius}, got norm {norm:g}")
    return tuple(math.trunc(value * plan.scales.weights) for value in values.tolist())


def check_integer_weights(weights: Sequence[int], plan: CircuitPlan) -> None:
    """Refuse integer weights that `quantise` cannot have made: another count, or a norm above the radius.

    Raises:
        EvaluationRefused: either.
    """
    if len(weights) != plan.n_features:
        raise EvaluationRefused(f"{plan.n_features} integer weights needed, got {len(weights)}")
    limit = plan.radius * (1 + _NORM_SLACK) * plan.scales.weights
    if math.isqrt(sum(weight * weight for weight in weights)) > limit:
        raise EvaluationRefused(f"integer weights must have norm at most {limit:g}")


def unpack(released: Sequence[int], plan: CircuitPlan) -> npt.NDArray[np.float64]:
    """Turn released integers into gradient sums, shape (d,).

    Args:
        released: the integers at `plan.positions`, in order of features.
        plan: the plan.

    Raises:
        EvaluationRefused: not as many integers as features.
    """
    if len(released) != plan.n_features:
        raise EvaluationRefused(f"{plan.n_features} released integers needed, got {len(released)}")
    return np.array([integer / plan.answer_scale for integer in released], dtype=np.float64)
