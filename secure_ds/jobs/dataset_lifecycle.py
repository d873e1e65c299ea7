"""The life of a data set: `uploading -> checking -> ready | refused`, and `ready -> rotated`.

Rules:
    - Once checking has begun nothing more is uploaded: what was checked is what will be used.
    - Only a data set that passed the check is `ready`; only a ready one may be trained on.
    - A rotated data set has a successor with another key; its own answers nothing more. Its files stay: the successor
      uses them, and what was trained on it can still be rechecked. They were checked, so a successor begins as `ready`.
    - A refused data set stays refused. Its owner corrects the records and registers another.
"""

from enum import StrEnum
from typing import Final

from secure_ds.jobs.errors import IllegalTransition


class DatasetState(StrEnum):
    """Where a data set is in its life."""

    UPLOADING = "uploading"
    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"
    ROTATED = "rotated"


_MOVES: Final[dict[DatasetState, frozenset[DatasetState]]] = {
    DatasetState.UPLOADING: frozenset({DatasetState.CHECKING}),
    DatasetState.CHECKING: frozenset({DatasetState.READY, DatasetState.REFUSED}),
    DatasetState.READY: frozenset({DatasetState.ROTATED}),
    DatasetState.REFUSED: frozenset(),
    DatasetState.ROTATED: frozenset(),
}


def legal_moves(state: DatasetState) -> frozenset[DatasetState]:
    """Return the states that a data set in `state` may move to; empty when the state is final."""
    return _MOVES[state]


def move(origin: DatasetState, target: DatasetState) -> DatasetState:
    """Return `target` if a data set may go there from `origin`.

    Raises:
        IllegalTransition: it may not.
    """
    if target not in _MOVES[origin]:
        raise IllegalTransition("data set", origin, target, list(_MOVES[origin]))
    return target
