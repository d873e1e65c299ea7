"""The clear half of encrypted softmax regression: weights from mean gradients.

Rules kept here:
1. Weights are a pure function of settings and gradients: a crash, another worker or the custodian's own check gets the
   same bits (rule 4 of `plan`).
2. Every matrix of weights has spectral norm at most R (`spectral`), as the sensitivity proof asks.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from secure_ds.training.encrypted.replay import Replay
from secure_ds.training.encrypted.softmax.rule import SoftmaxSettings
from secure_ds.training.encrypted.spectral import project_spectral

FloatArray = npt.NDArray[np.float64]
State = tuple[FloatArray, FloatArray]

_REPLAY: Replay[State] = Replay()


def weights_after(settings: SoftmaxSettings, shape: tuple[int, int], gradients: Iterable[FloatArray]) -> FloatArray:
    """Return the weights that follow from the first mean gradients of a job.

    Heavy ball: U <- momentum * U + G, W <- project(W - learning_rate * U), from W = U = 0.

    Args:
        settings: the plan's.
        shape: (c, d) of the weights.
        gradients: c * d numbers each, class by class; one array per step.

    Returns:
        (c, d) with spectral norm at most `settings.radius`. The same bits on every machine.
    """

    def advance(state: State, gradient: FloatArray) -> State:
        weights, velocity = state
        velocity = settings.momentum * velocity + gradient.reshape(shape)
        return project_spectral(weights - settings.learning_rate * velocity, settings.radius), velocity

    beginning = np.zeros(shape), np.zeros(shape)
    return _REPLAY.after(f"softmax {settings} {shape}", lambda: beginning, gradients, advance)[0]
