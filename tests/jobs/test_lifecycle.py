"""Every pair of states: a move is legal exactly where the design says so."""

import itertools

import pytest

from secure_ds.jobs import dataset_lifecycle, lifecycle
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.errors import IllegalTransition
from secure_ds.jobs.lifecycle import JobState

JOB_MOVES = {
    ("submitted", "admitted"),
    ("submitted", "rejected"),
    ("admitted", "queued"),
    ("admitted", "failed"),
    ("admitted", "cancelled"),
    ("queued", "running"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
}
DATASET_MOVES = {("uploading", "checking"), ("checking", "ready"), ("checking", "refused"), ("ready", "rotated")}


@pytest.mark.parametrize(("origin", "target"), list(itertools.product(JobState, JobState)))
def test_a_job_moves_only_as_designed(origin: JobState, target: JobState) -> None:
    if (origin, target) in JOB_MOVES:
        assert lifecycle.move(origin, target) is target
        assert target in lifecycle.legal_moves(origin)
    else:
        with pytest.raises(IllegalTransition):
            lifecycle.move(origin, target)


@pytest.mark.parametrize(("origin", "target"), list(itertools.product(DatasetState, DatasetState)))
def test_a_data_set_moves_only_as_designed(origin: DatasetState, target: DatasetState) -> None:
    if (origin, target) in DATASET_MOVES:
        assert dataset_lifecycle.move(origin, target) is target
        assert target in dataset_lifecycle.legal_moves(origin)
    else:
        with pytest.raises(IllegalTransition):
            dataset_lifecycle.move(origin, target)


def test_a_job_is_over_in_four_states() -> None:
    assert {state for state in JobState if lifecycle.is_final(state)} == {
        "succeeded",
        "failed",
        "cancelled",
        "rejected",
    }


def test_every_state_of_a_job_can_be_reached() -> None:
    reached = {JobState.SUBMITTED}
    for _ in JobState:
        reached |= {target for origin in reached for target in lifecycle.legal_moves(origin)}
    assert reached == set(JobState)


def test_a_refusal_names_where_the_job_is_and_where_it_could_go() -> None:
    with pytest.raises(IllegalTransition, match="a job cannot go from queued to succeeded; from queued it can go to"):
        lifecycle.move(JobState.QUEUED, JobState.SUCCEEDED)
    with pytest.raises(IllegalTransition, match="it is final"):
        lifecycle.move(JobState.FAILED, JobState.RUNNING)
