"""The clear half of encrypted logistic regression: weights from mean gradients.

Rules kept here:
1. Weights are a pure function of settings and gradients: a crash, another worker or the custodian's own check gets the
   same bits (rule 4 of `plan`).
2. Every weight vector has |w|_2 <= R, with room for the last rounding, as the sensitivity proof asks. The circuit cuts
   it towards zero to integers (`secure_ds.ckks.weights.quantise`), which never lengthens it.
"""

from collections.abc import Iterable
from math import fsum, sqrt

import numpy as np
import numpy.typing as npt

from secure_ds.training.encrypted.logistic.rule import Settings

FloatArray = npt.NDArray[np.float64]

_INSIDE = 1 - 2.0**-40  # keeps the norm at most R after the last rounding


def weights_after(settings: Settings, n_features: int, gradients: Iterable[FloatArray]) -> FloatArray:
    """Return the weights that follow from the first mean gradients of a job.

    Heavy ball: u <- momentum * u + g, w <- project(w - learning_rate * u), from w = u = 0.

    Args:
        settings: the plan's.
        n_features: length of the weights.
        gradients: (n_features,) each, one per step.

    Returns:
        (n_features,) with |w|_2 <= radius. The same bits on every machine.
    """
    weights = np.zeros(n_features)
    velocity = np.zeros(n_features)
    for gradient in gradients:
        velocity = settings.momentum * velocity + gradient
        weights = project(weights - settings.learning_rate * velocity, settings.radius)
    return weights


def project(weights: FloatArray, radius: float) -> FloatArray:
    """Return the nearest weights in a ball just inside that radius, so that the exact norm is at most the radius."""
    length, inside = sqrt(fsum((weights * weights).tolist())), radius * _INSIDE
    return weights * (inside / length) if length > inside else weights
