"""Plans of least squares on made-up data sets, for the tests of this room."""

from typing import Any

from secure_ds.ckks.profiles import STATISTICS
from secure_ds.training.encrypted.facts import DataFacts, JobFacts
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan, make_least_squares_plan
from tests.training.encrypted import examples


def facts(n_records: int = 1000, n_features: int = 8, n_classes: int = 3, **changes: Any) -> DataFacts:
    """A data set on the ring for statistics with a budget of (2, 1e-5), unless told otherwise."""
    ring = {"parameters": STATISTICS.parameters, "input_scale": STATISTICS.input_scale, "eta": STATISTICS.eta}
    blocks = -(-n_records // STATISTICS.parameters.poly_modulus_degree)
    size = {"n_classes": n_classes, "n_blocks": blocks}
    return examples.facts(n_records, n_features, **{**ring, **size, **changes})


def plan(n_records: int = 1000, n_features: int = 8, n_classes: int = 3, **changes: Any) -> LeastSquaresPlan:
    """The plan of a job of (1, 1e-5) on a data set of that size, unless told otherwise."""
    asked = examples.request(algorithm=LeastSquaresPlan.algorithm, **changes)
    return make_least_squares_plan(JobFacts.of(facts(n_records, n_features, n_classes)), asked)
