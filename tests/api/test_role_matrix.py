"""Every role, on every operation, on its own and on another tenant's objects, over HTTP.

Own tenant: answered where the policy cases allow the role, 403 with `policy_denied` where they do not. Another tenant:
404, the same as for an object that does not exist, whatever the role. Lists and the log show their own tenant alone.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient

from policies import Action, shipped_directory
from secure_ds.ckks.network import Linear, Network
from secure_ds.ckks.network_files import write_network
from secure_ds.ckks.network_planner import plan_network
from secure_ds.client.group import consent_to
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Role
from secure_ds.data.consent import Verdict
from tests.api.served import Served
from tests.collaborating import Member, call_for, group_package, named, terms, upload, upload_key_of
from tests.installation import random_records
from tests.prepared import SETTINGS

OCTETS = {"content_type": "application/octet-stream"}
SUBJECTS = (*Role, None)
SMALL_JOB = {"purpose": "research", "epsilon": 0.05, "delta": 1e-5, "radius": 4.0, "steps": 1}


class Clinic:
    """One tenant with an object of every kind, and a user of every role in it and in another tenant."""

    def __init__(self, home: Path) -> None:
        self.served = Served(home)
        installation, owner = self.served.installation, self.served.ready.owner
        engineer = installation.caller("ml_engineer", Role.ML_ENGINEER)
        installation.run()  # the owner's own job
        dataset_id = self.served.ready.dataset_id
        job = installation.submit(engineer, dataset_id, epsilon=0.3, **SETTINGS | {"steps": 2})
        installation.run()
        waiting = installation.submit(engineer, dataset_id, epsilon=0.05, **SETTINGS | {"steps": 1})
        package = installation.encrypt(home / "package-open", random_records(), Ed25519PrivateKey.generate())
        installation.register(owner, package, home / "package-open")
        installation.upload(owner, package)
        statement = call_for(installation, owner, members=named("clinic", "ward"))
        shared = group_package(installation, statement, "clinic", random_records(), key := upload_key_of("clinic"))
        assert upload(installation, owner, shared) == "ready"
        self.member = Member(owner, key, shared.descriptor)
        small = package.descriptor.evaluation_keys[-1]
        self.small_blob = package.path(small).read_bytes()
        self.places = {
            "dataset": dataset_id,
            "blob": self.served.ready.descriptor.blocks[0].digest,
            "uploading": package.descriptor.dataset_id,
            "small": small.digest,
            "job": job.id,
            "waiting": waiting.id,
            "collaboration": statement.collaboration_id,
            "group_file": statement.public_key.digest,
            "shared": shared.descriptor.dataset_id,
            "model": installation.services.show_job(engineer, job.id).model_id or "",
        }
        self._ask_for_a_prediction()
        self.nowhere = self.places | {
            "dataset": new_id("ds"),
            "uploading": new_id("ds"),
            "job": new_id("job"),
            "waiting": new_id("job"),
            "collaboration": new_id("collab"),
            "shared": new_id("ds"),
            "model": new_id("model"),
            "network": new_id("net"),
            "prediction": new_id("pred"),
        }
        self.clients = {
            (role, tenant): self._client(role, tenant) for role in SUBJECTS for tenant in ("clinic", "insurer")
        }

    def _ask_for_a_prediction(self) -> None:
        engineer = self._client(Role.ML_ENGINEER, "clinic")
        self.places["network"] = engineer.post("/v1/networks", json=NETWORK_BODY).get_json()["id"]
        body = {name: _placed(value, self.places) for name, value in PREDICTION_BODY.items()}
        self.places["prediction"] = engineer.post("/v1/predictions", json=body).get_json()["id"]

    def _client(self, role: Role | None, tenant: str) -> FlaskClient:
        names = {(Role.DATA_OWNER, "clinic"): "alice", (Role.ML_ENGINEER, "clinic"): "ml_engineer"}
        roles = () if role is None else (role,)
        return self.served.user(names.get((role, tenant), f"{role}_{tenant}"), *roles, tenant=tenant)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Operation:
    """One operation, and what it takes: `{place}` in path or body stands for an object of the clinic's."""

    method: str
    path: str
    action: Action
    answers: tuple[int, ...] = (200,)
    body: dict[str, Any] | None = None

    def call(self, clinic: Clinic, client: FlaskClient, places: dict[str, str], tenant: str) -> Any:
        path = self.path.format(**places)
        if self.action is Action.DATASET_CREATE:
            return client.post(path, json=clinic.served.registration(tenant=tenant))
        if self.action is Action.COLLABORATION_CREATE:
            agreed = terms(members=named(tenant, "ward")).model_dump(mode="json")
            return client.post(path, json=agreed)
        if self.action in CONSENTS:
            _, envelope = consent_to(clinic.member.descriptor, CONSENTS[self.action], clinic.member.upload_key)
            return client.post(path, json={"envelope": json.loads(envelope)})
        if self.method == "PUT":
            return client.put(path, data=clinic.small_blob, **OCTETS)
        body = {name: _placed(value, places) for name, value in (self.body or {}).items()}
        return client.open(path, method=self.method, json=body if self.body is not None else None)


def _placed(value: Any, places: dict[str, str]) -> Any:
    return value.format(**places) if isinstance(value, str) else value


BLOBS = "/v1/datasets/{dataset}/blobs/{blob}"
JOB_BODY = {"dataset_id": "{dataset}", **SMALL_JOB}
CONSENTS: dict[Action, Verdict] = {Action.COLLABORATION_JOIN: "joined", Action.COLLABORATION_WITHDRAW: "withdrawn"}
COLLABORATION = "/v1/collaborations/{collaboration}"
NETWORK = Network((1,), 0.0, 1.0, (Linear(np.ones((1, 1), np.float32)),))
NETWORK_BODY = {"name": "one", "file": base64.b64encode(write_network(NETWORK)).decode()}
PREDICTION_BODY = {
    "network_id": "{network}",
    "plan": plan_network(NETWORK, max_error=0.1).to_json(),
    "n_records": 1,
    "key": "sha256:" + "1" * 64,
    "inputs": ["sha256:" + "2" * 64],
}
PREDICTION_FILE = "/v1/predictions/{prediction}/files/sha256:" + "2" * 64
OPERATIONS = {
    "register_dataset": Operation("POST", "/v1/datasets", Action.DATASET_CREATE, (201,)),
    "list_datasets": Operation("GET", "/v1/datasets", Action.DATASET_LIST),
    "show_dataset": Operation("GET", "/v1/datasets/{dataset}", Action.DATASET_READ),
    "show_descriptor": Operation("GET", "/v1/datasets/{dataset}/descriptor", Action.DATASET_READ),
    "show_budget": Operation("GET", "/v1/datasets/{dataset}/budget", Action.DATASET_READ_BUDGET),
    "blob_status": Operation("HEAD", BLOBS, Action.DATASET_READ),
    "download_blob": Operation("GET", BLOBS, Action.DATASET_DOWNLOAD),
    "upload_blob": Operation("PUT", "/v1/datasets/{uploading}/blobs/{small}", Action.DATASET_UPLOAD),
    "finish_upload": Operation("POST", "/v1/datasets/{uploading}/finish", Action.DATASET_UPLOAD, (202,)),
    "create_collaboration": Operation("POST", "/v1/collaborations", Action.COLLABORATION_CREATE, (201,)),
    "list_collaborations": Operation("GET", "/v1/collaborations", Action.COLLABORATION_LIST),
    "show_collaboration": Operation("GET", COLLABORATION, Action.COLLABORATION_READ),
    "show_statement": Operation("GET", COLLABORATION + "/statement", Action.COLLABORATION_READ),
    "download_group_file": Operation("GET", COLLABORATION + "/files/{group_file}", Action.COLLABORATION_READ),
    "join_collaboration": Operation("POST", "/v1/datasets/{shared}/join", Action.COLLABORATION_JOIN),
    "withdraw_from_collaboration": Operation("POST", "/v1/datasets/{shared}/withdraw", Action.COLLABORATION_WITHDRAW),
    "quote_job": Operation("POST", "/v1/quotes", Action.QUOTE_CREATE, body=JOB_BODY),
    "submit_job": Operation("POST", "/v1/jobs", Action.JOB_SUBMIT, (202,), JOB_BODY),
    "list_jobs": Operation("GET", "/v1/jobs", Action.JOB_LIST),
    "show_job": Operation("GET", "/v1/jobs/{job}", Action.JOB_READ),
    "cancel_job": Operation("POST", "/v1/jobs/{waiting}/cancel", Action.JOB_CANCEL, (202, 409)),
    "job_events": Operation("GET", "/v1/jobs/{job}/events", Action.JOB_READ),
    "list_steps": Operation("GET", "/v1/jobs/{job}/steps", Action.JOB_READ_STEPS),
    "list_models": Operation("GET", "/v1/models", Action.MODEL_LIST),
    "show_model": Operation("GET", "/v1/models/{model}", Action.MODEL_READ),
    "download_weights": Operation("GET", "/v1/models/{model}/weights", Action.MODEL_DOWNLOAD),
    "download_certificate": Operation("GET", "/v1/models/{model}/certificate", Action.MODEL_READ),
    "register_network": Operation("POST", "/v1/networks", Action.MODEL_REGISTER, (201,), NETWORK_BODY),
    "show_network": Operation("GET", "/v1/networks/{network}", Action.NETWORK_READ),
    "download_network": Operation("GET", "/v1/networks/{network}/file", Action.NETWORK_READ),
    "request_prediction": Operation("POST", "/v1/predictions", Action.PREDICTION_CREATE, (201,), PREDICTION_BODY),
    "show_prediction": Operation("GET", "/v1/predictions/{prediction}", Action.PREDICTION_READ),
    "prediction_file_status": Operation("HEAD", PREDICTION_FILE, Action.PREDICTION_UPLOAD),
    "upload_prediction_file": Operation("PUT", PREDICTION_FILE, Action.PREDICTION_UPLOAD, (413,)),
    "download_prediction_file": Operation("GET", PREDICTION_FILE, Action.PREDICTION_READ, (404,)),
    "list_keys": Operation("GET", "/v1/keys", Action.KEY_LIST),
    "show_policies": Operation("GET", "/v1/policies", Action.POLICY_READ),
    "explain": Operation(
        "POST", "/v1/policies/explain", Action.POLICY_EXPLAIN, body={"action": "job:read", "object_id": "{job}"}
    ),
    "query_audit": Operation("GET", "/v1/audit/entries", Action.AUDIT_QUERY),
    "export_audit": Operation("GET", "/v1/audit/export", Action.AUDIT_EXPORT),
    "latest_checkpoint": Operation("GET", "/v1/audit/checkpoint", Action.AUDIT_CHECKPOINT),
    "prove_inclusion": Operation("GET", "/v1/audit/proofs/inclusion?index=0", Action.AUDIT_PROVE),
    "prove_consistency": Operation("GET", "/v1/audit/proofs/consistency?old_size=1", Action.AUDIT_PROVE),
}
WITHOUT_POLICY = {"who_am_i", "public_keys", "healthz", "readyz", "metrics", "openapi_document"}
SHARED_BY_OWNERS = (
    Action.POLICY_EXPLAIN,
    Action.DATASET_CREATE,
    Action.COLLABORATION_READ,
    Action.NETWORK_READ,
    Action.PREDICTION_CREATE,
)
OBJECTS = {
    name: each for name, each in OPERATIONS.items() if "{" in each.path or "{" in str((each.body or {}).values())
}
COLLECTIONS = {name: each for name, each in OPERATIONS.items() if name not in OBJECTS}


def may(role: Role | None, action: Action) -> bool:
    """Whether the policy cases say so, for a role that nothing else is special about."""
    rows = json.loads((shipped_directory() / "cases" / "ALLOW" / f"{action.replace(':', '.')}.json").read_text())[
        "rows"
    ]
    return any(row["principal"] == role and row["tenant"] == "own" and "facts" not in row for row in rows)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    yield Clinic(tmp_path_factory.mktemp("clinic"))


def test_every_operation_of_the_api_is_in_the_matrix(clinic: Clinic) -> None:
    endpoints = {rule.endpoint.rpartition(".")[2] for rule in clinic.served.app.url_map.iter_rules()}
    assert endpoints - WITHOUT_POLICY == OPERATIONS.keys()


@pytest.mark.parametrize("role", SUBJECTS, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_in_the_own_tenant_the_policy_cases_decide(clinic: Clinic, name: str, role: Role | None) -> None:
    operation = OPERATIONS[name]
    answer = operation.call(clinic, clinic.clients[role, "clinic"], clinic.places, "clinic")
    if may(role, operation.action):
        assert answer.status_code in operation.answers, answer.text
    else:
        assert answer.status_code == 403, answer.text
        assert operation.method == "HEAD" or answer.get_json()["code"] == "policy_denied"


@pytest.mark.parametrize("role", SUBJECTS, ids=str)
@pytest.mark.parametrize("name", OBJECTS)
def test_another_tenants_object_is_answered_like_none_at_all(clinic: Clinic, name: str, role: Role | None) -> None:
    operation, client = OBJECTS[name], clinic.clients[role, "insurer"]
    there = operation.call(clinic, client, clinic.places, "insurer")
    nowhere = operation.call(clinic, client, clinic.nowhere, "insurer")
    if name == "explain" and role is not Role.SECURITY_OFFICER:
        assert there.status_code == nowhere.status_code == 403  # about policies in general, not about the object
    else:
        assert there.status_code == 404
    assert anonymous(there) == anonymous(nowhere)


@pytest.mark.parametrize("role", SUBJECTS, ids=str)
@pytest.mark.parametrize("name", COLLECTIONS)
def test_another_tenant_has_its_own_collections(clinic: Clinic, name: str, role: Role | None) -> None:
    operation = COLLECTIONS[name]
    answer = operation.call(clinic, clinic.clients[role, "insurer"], clinic.places, "insurer")
    assert answer.status_code in (operation.answers if may(role, operation.action) else (403,)), answer.text
    told = answer.get_data(as_text=True)
    assert "alice" not in told
    if not name.endswith("_audit"):  # a log repeats what its own people asked for
        assert not any(place in told for place in clinic.places.values())


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/jobs", "/v1/models"])
def test_lists_show_and_count_what_may_be_read(clinic: Clinic, path: str) -> None:
    """Page by page, one item each: no gap, no surplus page betrays what is hidden."""
    for role in (Role.DATA_OWNER, Role.ML_ENGINEER, Role.COMPLIANCE_OFFICER):
        assert all_pages(clinic.clients[role, "clinic"], path, limit=1) == all_pages(
            clinic.clients[role, "clinic"], path, limit=200
        )
        foreign = clinic.clients[role, "insurer"].get(path, query_string={"limit": 1}).get_json()
        own = [item for item in foreign["items"] if item["tenant"] != "insurer"]
        assert own == []


def test_an_engineer_sees_their_own_jobs_and_models_only(clinic: Clinic) -> None:
    engineer, owner = clinic.clients[Role.ML_ENGINEER, "clinic"], clinic.clients[Role.DATA_OWNER, "clinic"]
    for path in ("/v1/jobs", "/v1/models"):
        mine, all_of_them = all_pages(engineer, path), all_pages(owner, path)
        assert set(mine) < set(all_of_them)
    mine = [engineer.get(f"/v1/jobs/{job}").get_json()["submitter"] for job in all_pages(engineer, "/v1/jobs")]
    assert set(mine) == {"ml_engineer"}


def test_a_second_owner_of_the_tenant_owns_nothing_of_the_first(clinic: Clinic) -> None:
    """Same tenant, same role, other person: the object is known to exist, and refused."""
    second = clinic.served.user("bob", Role.DATA_OWNER)
    for name in OBJECTS:
        if OPERATIONS[name].action in SHARED_BY_OWNERS:
            continue  # about nobody's object, or about what the tenant's owners share
        answer = OPERATIONS[name].call(clinic, second, clinic.places, "clinic")
        assert answer.status_code == 403, name
    assert all_pages(second, "/v1/datasets") == all_pages(second, "/v1/jobs") == []


def test_each_tenants_log_is_its_own(clinic: Clinic) -> None:
    """After everything above: no entry of one tenant stands in the other's log or export, nor names its objects."""
    for tenant, other in (("clinic", "insurer"), ("insurer", "clinic")):
        officer = clinic.clients[Role.COMPLIANCE_OFFICER, tenant]
        entries = all_entries(officer)
        assert entries
        assert {entry["tenant"] for entry in entries} == {tenant}
        assert {entry["actor"] for entry in entries} & people(clinic, other) == set()
        exported = officer.get("/v1/audit/export").get_data(as_text=True)
        assert f'"tenant":"{other}"' not in exported.replace(" ", "")
    told = json.dumps(all_entries(clinic.clients[Role.COMPLIANCE_OFFICER, "insurer"]))
    assert "alice" not in told


def people(clinic: Clinic, tenant: str) -> set[str]:
    return {clinic.clients[role, tenant].get("/v1/whoami").get_json()["id"] for role in SUBJECTS}


def all_pages(client: FlaskClient, path: str, limit: int = 200) -> list[str]:
    found, query = [], {"limit": limit}
    while True:
        page = client.get(path, query_string=query).get_json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return found
        query = query | {"cursor": page["next"]}


def all_entries(client: FlaskClient) -> list[dict[str, Any]]:
    found, query = [], {"limit": 200}
    while True:
        page = client.get("/v1/audit/entries", query_string=query).get_json()
        found += page["items"]
        if page["next"] is None:
            return found
        query = query | {"cursor": page["next"]}


def anonymous(answer: Any) -> tuple[int, dict[str, Any] | None]:
    """An answer without what only repeats the request."""
    document = answer.get_json(silent=True)
    about_the_request = ("request_id", "instance")
    return answer.status_code, document and {k: v for k, v in document.items() if k not in about_the_request}
