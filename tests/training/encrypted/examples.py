"""Facts of made-up data sets on the default ring, for the tests of this room."""

from typing import Any

from secure_ds.ckks.profiles import STRONG
from secure_ds.training.encrypted.plan import DescriptorFacts, EncryptedPlan, PlanRequest, make_plan


def facts(n_records: int = 455, n_features: int = 31, **changes: Any) -> DescriptorFacts:
    """A data set of 455 records and 31 features with a budget of (2, 1e-5), unless told otherwise."""
    values: dict[str, Any] = {
        "dataset_id": "ds_" + 26 * "a",
        "descriptor_digest": "sha256:" + 64 * "0",
        "n_records": n_records,
        "n_features": n_features,
        "n_blocks": -(-n_records // STRONG.parameters.slots),
        "parameters": STRONG.parameters,
        "input_scale": STRONG.input_scale,
        "eta": STRONG.eta,
        "records_per_person": 1,
        "limit_epsilon": 2.0,
        "limit_delta": 1e-5,
        "max_decryptions": 100,
    }
    return DescriptorFacts(**{**values, **changes})


def request(**changes: Any) -> PlanRequest:
    """A job of (1, 1e-5) with every setting from the rule, unless told otherwise."""
    return PlanRequest(**{"epsilon": 1.0, "delta": 1e-5, "purpose": "research", **changes})


def plan(n_records: int = 455, n_features: int = 31, **changes: Any) -> EncryptedPlan:
    """The plan of a request on a data set of that size."""
    return make_plan(facts(n_records, n_features), request(**changes))
