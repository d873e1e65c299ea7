"""Shares of a step in several processes and in little memory: the same bytes, and failures that say what they are."""

import os
import signal
import time
from pathlib import Path

import pytest

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.logistic import LogisticEvaluator
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.process_pool import EvaluationProcessFailed
from secure_ds.ckks.weights import quantise
from secure_ds.core.resources import Resources
from tests.ckks.circuits import (
    Keyed,
    Records,
    encrypted,
    evaluator_of,
    keyed,
    plan_for,
    random_records,
    random_weights,
)

N, D = 8192 + 300, 20  # two blocks, three groups of features
RECORDS = random_records(N, D)
PLAN = plan_for(RECORDS)
DATA = encrypted(keyed(), RECORDS.columns)
WEIGHTS = [quantise(random_weights(D, 8.0), PLAN), [0] * 13 + [5] + [0] * 6, [0] * D]


def answers(resources: Resources) -> list[bytes]:
    evaluator = evaluator_of(keyed(), DATA, PLAN, resources)
    try:
        return [evaluator.step(weights) for weights in WEIGHTS]
    finally:
        evaluator.close()


@pytest.fixture(scope="module")
def alone() -> list[bytes]:
    return answers(Resources())


@pytest.mark.parametrize("processes", [2, 3, 7])
def test_any_number_of_processes_gives_the_same_bytes(alone: list[bytes], processes: int) -> None:
    """Two blocks: dealt out between two processes, by halves among three."""
    assert answers(Resources(processes=processes)) == alone


def test_one_block_by_halves_gives_the_same_bytes() -> None:
    records = random_records(50, 75, seed=1)
    plan, data = plan_for(records), encrypted(keyed(), records.columns)
    weights = quantise(random_weights(75, 8.0), plan)
    one, two, four = (evaluator_of(keyed(), data, plan, Resources(processes=count)) for count in (1, 2, 4))
    expected = [one.step(weights), one.step([0] * 75)]
    for evaluator in (two, four):
        assert [evaluator.step(weights), evaluator.step([0] * 75)] == expected
        evaluator.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_data_larger_than_memory_gives_the_same_bytes(alone: list[bytes], tmp_path: Path, processes: int) -> None:
    """Room for three ciphertexts of a hundred; the file has no name."""
    three = 3 * 2 * 5 * 8192 * 8
    assert answers(Resources(processes, processes * three, tmp_path)) == alone
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_on_disk_and_what_fits_is_not() -> None:
    small, large = (evaluator_of(keyed(), DATA, PLAN, Resources(memory=memory)) for memory in (2**20, 2**30))
    assert small._own.bytes_on_disk > 2**21
    assert large._own.bytes_on_disk == 0


def started() -> LogisticEvaluator:
    return evaluator_of(keyed(), DATA, PLAN, Resources(processes=2))


def test_a_killed_process_is_an_error_with_a_code() -> None:
    evaluator = started()
    os.kill(evaluator._remote[0].process_id, signal.SIGKILL)
    with pytest.raises(EvaluationProcessFailed) as ended:
        evaluator.step(WEIGHTS[0])
    assert ended.value.code == "evaluation_process_failed"
    evaluator.close()


def test_a_refusal_in_a_process_is_raised_here() -> None:
    evaluator = started()
    evaluator._remote[0]._ask({"do": "block", "columns": 0}, blobs=[DATA[D + 1, 0]])
    with pytest.raises(EvaluationRefused, match="got fewer"):
        evaluator.step(WEIGHTS[0])
    evaluator.close()


def test_what_a_broken_step_left_behind_is_in_no_later_answer(
    alone: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process still answers the first step's questions when the second step asks its own."""
    evaluator = started()

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(evaluator._own, "node", fail)
        with pytest.raises(MemoryError):
            evaluator.step(WEIGHTS[1])
    assert evaluator.step(WEIGHTS[0]) == alone[0]
    evaluator.close()


def test_steps_leave_no_descriptor_open() -> None:
    evaluator = started()
    places = ["/proc/self/fd", f"/proc/{evaluator._remote[0].process_id}/fd"]
    counts = []
    for _ in range(3):
        evaluator.step(WEIGHTS[0])
        counts.append([len(os.listdir(place)) for place in places])
    evaluator.close()
    assert counts[0] == counts[1] == counts[2]


def ended(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_processes_end_with_the_evaluator(how: str) -> None:
    evaluator = started()
    process_id = evaluator._remote[0].process_id
    assert not ended(process_id)
    if how == "closed":
        evaluator.close()
    del evaluator
    deadline = time.monotonic() + 5
    while not ended(process_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended(process_id)


def test_a_process_sees_no_environment_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURE_DS_PIN", "a secret")
    evaluator = started()
    environment = Path(f"/proc/{evaluator._remote[0].process_id}/environ").read_bytes()
    evaluator.close()
    assert b"SECURE_DS" not in environment


def test_a_block_with_another_number_of_columns_is_refused() -> None:
    ring: Keyed = keyed()
    records: Records = random_records(10, 9)
    plan: CircuitPlan = plan_for(records)
    data = encrypted(ring, records.columns)
    for count in (8, 10):
        evaluator = LogisticEvaluator(ring.engine, plan, Resources(processes=2), ring.keys)
        with pytest.raises(EvaluationRefused, match="9 feature columns"):
            evaluator.load_block((data[column, 0] for column in range(count)), data[10, 0])
        evaluator.close()
