"""Plans of softmax jobs and records of several classes, for the tests of this room."""

from typing import Any

import numpy as np
import numpy.typing as npt

from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan, make_softmax_plan
from tests.training.encrypted.examples import facts, request


def softmax_plan(n_records: int = 1500, n_features: int = 6, n_classes: int = 4, **changes: Any) -> SoftmaxPlan:
    """The plan of a request on a data set of that size."""
    asked = request(algorithm=SoftmaxPlan.algorithm, **changes)
    return make_softmax_plan(JobFacts.of(facts(n_records, n_features, n_classes=n_classes)), asked)


def blobs(n: int, d: int, c: int, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """c overlapping classes in the unit ball, bias last; class centres do not depend on the seed."""
    centres = np.random.default_rng(11).normal(size=(c, d - 1))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, n)
    X = np.hstack([0.3 * centres[labels] + 0.12 * rng.normal(size=(n, d - 1)), np.full((n, 1), 0.5)])
    return X / np.maximum(1, np.linalg.norm(X, axis=1, keepdims=True)), labels
