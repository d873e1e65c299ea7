"""Facts of made-up data sets on the default ring, for the tests of this room."""

from typing import Any

from secure_ds.ckks.keying import FRESH
from secure_ds.ckks.profiles import STRONG
from secure_ds.training.encrypted.facts import DataFacts, JobFacts
from secure_ds.training.encrypted.logistic.plan import LogisticPlan, make_logistic_plan
from secure_ds.training.encrypted.request import PlanRequest


def facts(n_records: int = 455, n_features: int = 31, **changes: Any) -> DataFacts:
    """A data set of 455 records and 31 features with a budget of (2, 1e-5), unless told otherwise."""
    values: dict[str, Any] = {
        "dataset_id": "ds_" + 26 * "a",
        "descriptor_digest": "sha256:" + 64 * "0",
        "n_records": n_records,
        "n_features": n_features,
        "n_classes": 2,
        "n_blocks": -(-n_records // STRONG.parameters.poly_modulus_degree),
        "parameters": STRONG.parameters,
        "keying": FRESH,
        "input_scale": STRONG.input_scale,
        "eta": STRONG.eta,
        "records_per_person": 1,
        "limit_epsilon": 2.0,
        "limit_delta": 1e-5,
        "max_decryptions": 100,
        "prior_decryptions": 0,
        "coordinates": 100_000,
    }
    return DataFacts(**{**values, **changes})


def request(**changes: Any) -> PlanRequest:
    """A job of (1, 1e-5) with every setting from the rule, unless told otherwise."""
    values: dict[str, Any] = {"epsilon": 1.0, "delta": 1e-5, "purpose": "research"}
    return PlanRequest(**{"algorithm": LogisticPlan.algorithm, **values, **changes})


def plan(n_records: int = 455, n_features: int = 31, **changes: Any) -> LogisticPlan:
    """The plan of a request on a data set of that size."""
    return make_logistic_plan(JobFacts.of(facts(n_records, n_features)), request(**changes))
