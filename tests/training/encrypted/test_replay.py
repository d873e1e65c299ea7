"""What is remembered never changes what comes out, only how often it is computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.encrypted.replay import Replay


class Counted:
    """A step that counts how often it is taken."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, state: float, gradient: np.ndarray) -> float:
        self.calls += 1
        return 2 * state + float(gradient[0])


def _history(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, -1.0]), max_size=6), max_size=20), st.integers(1, 5))
def test_any_order_of_questions_gives_what_a_fresh_start_gives(histories: list[list[float]], capacity: int) -> None:
    replay: Replay[float] = Replay(capacity)
    for values in histories:
        expected = 1.0
        for value in values:
            expected = 2 * expected + value
        assert replay.after("a", lambda: 1.0, _history(*values), Counted()) == expected


def test_a_longer_history_continues_from_the_shorter_one() -> None:
    replay, step = Replay[float](), Counted()
    for length in range(1, 6):
        replay.after("a", lambda: 1.0, _history(*range(length)), step)
    assert step.calls == 5


@pytest.mark.parametrize(("identity", "values"), [("b", (0, 1)), ("a", (1, 1)), ("a", (-0.0, 1))])
def test_another_job_or_another_past_starts_from_its_own(identity: str, values: tuple[float, ...]) -> None:
    replay, step = Replay[float](), Counted()
    replay.after("a", lambda: 1.0, _history(0, 1), step)
    replay.after(identity, lambda: 1.0, _history(*values), step)
    assert step.calls == 4
