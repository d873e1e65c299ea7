"""The weights of a one-hidden-layer network: how they begin, how they lie in a flat state, how gradients move them.

Rules kept here:
1. Weights are a pure function of settings and gradients: a crash, another worker or the custodian's own check gets the
   same bits (rule 4 of `plan`).
2. W1 and W2 have spectral norms at most R1 and R2 (`spectral`), as the sensitivity proof asks.
3. W1 begins at random for the sake of symmetry, not of secrecy: from a declared seed, so that anyone can make it again.
   W2 begins at zero, and is never exactly zero afterwards, which is how a circuit tells the first step from the others.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from secure_ds.training.encrypted.hidden_layer.rule import HiddenLayerSettings
from secure_ds.training.encrypted.replay import Replay
from secure_ds.training.encrypted.spectral import project_spectral

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, int]

_SEED_TAG: Final = b"secure-ds/hidden-layer-weights/1\n"
_STRETCH: Final = 2.0**12  # so that nearly every singular value is cut at the radius: rows begin orthogonal
_NUDGE: Final = 2.0**-60


class Network(NamedTuple):
    """Weights.

    Attributes:
        first: W1, (h, d).
        second: W2, (c, h); (1, h) for two classes.
    """

    first: FloatArray
    second: FloatArray

    def flat(self) -> FloatArray:
        """Return W1, then W2, row by row."""
        return np.concatenate([self.first.ravel(), self.second.ravel()])

    @classmethod
    def from_flat(cls, state: FloatArray, first: Shape, second: Shape) -> "Network":
        """Undo `flat`."""
        split = first[0] * first[1]
        return cls(state[:split].reshape(first), state[split:].reshape(second))


State = tuple[Network, Network]
"""Weights and velocity."""

_REPLAY: Final[Replay[State]] = Replay()


def initial_network(settings: HiddenLayerSettings, first: Shape, second: Shape) -> Network:
    """Return the public beginning: W1 with orthogonal rows (or columns) of length R1, W2 = 0."""
    drawn = hashlib.shake_256(_SEED_TAG + f"{settings.seed} {first[0]} {first[1]}".encode())
    words = np.frombuffer(drawn.digest(4 * first[0] * first[1]), dtype="<u4").astype(np.float64)
    uniform = (words / 2.0**31 - 1.0).reshape(first)
    return Network(project_spectral(_STRETCH * uniform, settings.first_radius), np.zeros(second))


def network_after(
    settings: HiddenLayerSettings, first: Shape, second: Shape, gradients: Iterable[FloatArray]
) -> Network:
    """Return the weights that follow from the first mean gradients of a job.

    Heavy ball on each matrix: U <- momentum * U + G, W <- project(W - learning rate * U), from the beginning and U = 0.

    Args:
        settings: the plan's.
        first: (h, d) of W1.
        second: (c, h) of W2.
        gradients: one flat array per step: c * h numbers for W2, then h * d for W1, which the first step lacks.

    Returns:
        Weights in both balls. The same bits on every machine.
    """

    def advance(state: State, gradient: FloatArray) -> State:
        network, velocity = state
        parts = _gradient(gradient, first, second)
        velocity = Network(*(settings.momentum * u + g for u, g in zip(velocity, parts, strict=True)))
        return _moved(settings, network, velocity), velocity

    def beginning() -> State:
        return initial_network(settings, first, second), Network(np.zeros(first), np.zeros(second))

    return _REPLAY.after(f"hidden layer {settings} {first} {second}", beginning, gradients, advance)[0]


def _gradient(gradient: FloatArray, first: Shape, second: Shape) -> Network:
    count = second[0] * second[1]
    carried = gradient[count:] if gradient.size > count else np.zeros(first[0] * first[1])
    return Network(carried.reshape(first), gradient[:count].reshape(second))


def _moved(settings: HiddenLayerSettings, network: Network, velocity: Network) -> Network:
    first = network.first - settings.first_learning_rate * velocity.first
    second = network.second - settings.second_learning_rate * velocity.second
    if not second.any():
        second = second + _NUDGE
    return Network(project_spectral(first, settings.first_radius), project_spectral(second, settings.second_radius))
