"""A worker uses the processes it was given, and no more than a job is worth."""

from typing import Any

import pytest

from secure_ds.ckks.profiles import STATISTICS
from secure_ds.core.resources import Resources
from secure_ds.training.encrypted import evaluation
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan, make_least_squares_plan
from tests.training.encrypted.examples import facts, request


class FilesOfOneKey:
    """Blocks of a data set whose key was never rotated."""

    def rotation(self) -> None:
        """None."""


def a_plan(n_features: int) -> LeastSquaresPlan:
    of_ring = {
        "parameters": STATISTICS.parameters,
        "input_scale": STATISTICS.input_scale,
        "eta": STATISTICS.eta,
        "n_blocks": 8,
        "coordinates": 10**7,
    }
    data = JobFacts.of(facts(60_000, n_features, **of_ring))
    return make_least_squares_plan(data, request(algorithm=LeastSquaresPlan.algorithm))


@pytest.mark.parametrize(("n_features", "allowed", "used"), [(400, 1, 1), (400, 3, 3), (10, 3, 1)])
def test_least_squares_uses_what_is_allowed_and_worth_it(
    monkeypatch: pytest.MonkeyPatch, n_features: int, allowed: int, used: int
) -> None:
    asked: list[int] = []

    def made(plan: LeastSquaresPlan, parts: Any, processes: int) -> None:
        asked.append(processes)

    monkeypatch.setattr(evaluation, "LeastSquaresEvaluator", made)
    evaluation.evaluator_for(a_plan(n_features), [FilesOfOneKey()], Resources(processes=allowed))  # type: ignore[list-item]
    assert asked == [used]
