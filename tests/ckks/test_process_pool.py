"""Several processes give the results of one, in order, and never half a result."""

import os
from typing import Any

import pytest

from secure_ds.ckks.process_pool import EvaluationProcessFailed, ProcessPool

HERE = "tests.ckks.test_process_pool"
FILES = {"a": b"1", "b": 100_000 * b"2"}


def adder(setup: bytes, read: Any) -> Any:
    return lambda request: setup + request + str(len(read(request.decode()))).encode()


def failing(setup: bytes, read: Any) -> Any:
    def handle(request: bytes) -> bytes:
        raise ValueError("no such column")

    return handle


def dying(setup: bytes, read: Any) -> Any:
    return lambda request: os._exit(3)


def test_results_come_in_order_and_processes_read_through_the_parent():
    asked: list[str] = []

    def read(name: str) -> bytes:
        asked.append(name)
        return FILES[name]

    with ProcessPool(2, f"{HERE}:adder", b"s-", read) as pool:
        results = pool.map([b"a", b"b", b"a", b"b", b"a"])
        assert pool.map([]) == []
    assert results == [b"s-a1", b"s-b100000", b"s-a1", b"s-b100000", b"s-a1"]
    assert sorted(asked) == ["a", "a", "a", "b", "b"]


@pytest.mark.parametrize(("start", "said"), [("failing", "ValueError: no such column"), ("dying", "ended")])
def test_a_process_that_fails_or_dies_ends_the_evaluation(start, said):
    pool = ProcessPool(1, f"{HERE}:{start}", b"", FILES.__getitem__)
    with pool, pytest.raises(EvaluationProcessFailed, match=said):
        pool.map([b"a"])


def test_what_the_parent_cannot_read_is_its_own_error():
    with ProcessPool(1, f"{HERE}:adder", b"", FILES.__getitem__) as pool, pytest.raises(KeyError):
        pool.map([b"absent"])
