"""The document is valid, and what it says is what the service does (Schemathesis, every check, bounded)."""

import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import api_document, create_app
from api.settings import ApiSettings
from tests.simulators.services import TOKEN, SimulatedService, digest_of

BLOB = b"a blob that has not arrived"


service = SimulatedService()
EXISTING = {
    "dataset_id": service.add_dataset(BLOB).id,
    "digest": digest_of(BLOB),
    "job_id": service.add_job().id,
    "model_id": service.add_model().id,
}
_WELL_FORMED = re.compile(r"(ds|job|model)_[a-z2-7]{26}|sha256:[0-9a-f]{64}")
schema = schemathesis.openapi.from_wsgi(
    "/openapi.json", create_app(service, ApiSettings(max_json_bytes=4 << 20, max_blob_bytes=65536))
)


@schema.hook("map_path_parameters")
def use_existing(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any]:
    """Point at objects that exist, where the generated id could be one: else nothing but 404 would be tried."""
    return {
        name: EXISTING[name] if isinstance(value, str) and _WELL_FORMED.fullmatch(value) else value
        for name, value in (path_parameters or {}).items()
    }


def test_document_is_valid_openapi() -> None:
    document = api_document()
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_every_operation_is_described() -> None:
    for path in api_document()["paths"].values():
        for operation in path.values():
            assert operation["summary"] and operation["operationId"]


def test_only_health_keys_and_description_are_open() -> None:
    operations = [operation for path in api_document()["paths"].values() for operation in path.values()]
    open_to_all = {operation["operationId"] for operation in operations if not operation["security"]}
    assert open_to_all == {"healthz", "readyz", "metrics", "openapi_document", "public_keys"}


def test_parameters_show_their_bounds() -> None:
    training = api_document()["components"]["schemas"]["TrainingRequest"]["properties"]
    assert training["epsilon"]["exclusiveMinimum"] == 0 and training["epsilon"]["maximum"] == 100
    assert training["radius"]["anyOf"][0]["maximum"] == 4096


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_service_does_what_the_document_says(case: Any) -> None:
    # No schema can say which bytes have a blob's digest, so a well-formed upload may rightly be refused.
    excluded = [positive_data_acceptance] if case.operation.method == "put" else []
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=excluded)
