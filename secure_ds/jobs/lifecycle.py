"""The life of a job: `submitted -> admitted -> queued -> running -> succeeded | failed | cancelled`, or `rejected`.

Rules:
    - A job leaves `submitted` once: admitted with its budget reserved, or rejected with nothing reserved.
    - Work goes forward. A job whose worker died stays `running`; another worker takes over the same run.
    - It may be cancelled until it is over, and may fail once it is admitted. Final states are left by no move.
"""

from enum import StrEnum
from typing import Final

from secure_ds.jobs.errors import IllegalTransition


class JobState(StrEnum):
    """Where a job is in its life."""

    SUBMITTED = "submitted"
    ADMITTED = "admitted"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


_MOVES: Final[dict[JobState, frozenset[JobState]]] = {
    JobState.SUBMITTED: frozenset({JobState.ADMITTED, JobState.REJECTED}),
    JobState.ADMITTED: frozenset({JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.REJECTED: frozenset(),
}


def legal_moves(state: JobState) -> frozenset[JobState]:
    """Return the states that a job in `state` may move to; empty when the state is final."""
    return _MOVES[state]


def is_final(state: JobState) -> bool:
    """Tell whether a job in `state` is over."""
    return not _MOVES[state]


def move(origin: JobState, target: JobState) -> JobState:
    """Return `target` if a job may go there from `origin`.

    Raises:
        IllegalTransition: it may not; staying where it is counts as a move and is not legal either.
    """
    if target not in _MOVES[origin]:
        raise IllegalTransition("job", origin, target, list(_MOVES[origin]))
    return target
