"""From the answers of a job to its state, without going all the way back each time.

A state is a pure function of a beginning and of gradients, in order. Worker and custodian ask for it at every step,
with one more gradient each time; what was computed for the shorter sequence is kept and continued from. Nothing else
depends on what is kept: an empty memory gives the same bits, later.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
State = TypeVar("State")

CAPACITY: Final = 64


class Replay(Generic[State]):
    """Remembers the latest states of the latest jobs. States must never be changed in place."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: OrderedDict[bytes, State] = OrderedDict()
        self._lock = Lock()

    def after(
        self,
        identity: str,
        beginning: Callable[[], State],
        gradients: Iterable[FloatArray],
        advance: Callable[[State, FloatArray], State],
    ) -> State:
        """Return the state after these gradients.

        Args:
            identity: names beginning and `advance`: equal identities must mean equal functions.
            beginning: makes the first state.
            gradients: in order.
            advance: makes the next state of a state and a gradient.
        """
        history = list(gradients)
        keys = _chain(identity, history)
        done, state = self._deepest(keys)
        if state is None:
            done, state = 0, beginning()
        for key, gradient in zip(keys[done + 1 :], history[done:], strict=True):
            state = advance(state, gradient)
            self._keep(key, state)
        return state

    def _deepest(self, keys: list[bytes]) -> tuple[int, State | None]:
        with self._lock:
            known = [index for index, key in enumerate(keys) if key in self._known]
            return (known[-1], self._known[keys[known[-1]]]) if known else (0, None)

    def _keep(self, key: bytes, state: State) -> None:
        with self._lock:
            self._known[key] = state
            self._known.move_to_end(key)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)


def _chain(identity: str, history: list[FloatArray]) -> list[bytes]:
    """Return a digest for every prefix of the history, each over the one before it."""
    keys = [hashlib.sha256(identity.encode()).digest()]
    for gradient in history:
        keys.append(hashlib.sha256(keys[-1] + np.ascontiguousarray(gradient, dtype="<f8").tobytes()).digest())
    return keys
