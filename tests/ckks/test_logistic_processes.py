"""Shares of a step in several processes and in little memory: the same bytes, and failures that say what they are."""

import os
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.logistic import LogisticEvaluator, share_out
from secure_ds.ckks.packing import group_size
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
    assert answers(Resources(processes=processes)) == alone


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
    evaluator._remote[0].ask_weighted_sums([1])
    evaluator._remote[0].ask_subtrees([], 8)
    with pytest.raises((EvaluationRefused, EvaluationProcessFailed)):
        evaluator._remote[0].answer()
    evaluator.close()


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


@given(st.integers(1, 5000), st.integers(1, 8), st.integers(1, 64))
def test_shares_are_whole_subtrees_of_all_features(n_features: int, n_blocks: int, processes: int) -> None:
    size, shares = share_out(n_features, n_blocks, processes)
    group = group_size(n_features)
    assert [feature for share in shares for feature in share] == list(range(n_features))
    assert all(share.start % size == 0 for share in shares)
    assert size % group == 0
    assert size & (size - 1) == 0
    assert len(shares) == min(processes, -(-n_features // group))
    assert all(len(share) > 0 for share in shares)


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_no_process_waits_long_for_another(processes: int) -> None:
    """Of 400 features: nobody has more than a quarter beyond an equal share, and who packs has least."""
    _, shares = share_out(400, 4, processes)
    assert max(map(len, shares)) <= 1.25 * 400 / processes
    assert min(map(len, shares)) == len(shares[-1])


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
