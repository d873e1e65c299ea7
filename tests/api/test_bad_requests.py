"""Bad input over HTTP: each a clear 4xx problem document, and nothing stored or half done.

Requests are made against the real service; before and after each of them every row of both databases and every blob is
compared, the audit log apart.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from flask.testing import FlaskClient

from secure_ds.core.ids import new_id
from secure_ds.core.principal import Role
from secure_ds.data import envelope as envelopes
from secure_ds.services.authenticate import revoke_token
from tests.api.served import Served, problem_of
from tests.custodian.offers import Offer, public_hex
from tests.data.descriptors import descriptor_json

Send = Callable[["Scene"], Any]


@dataclass
class Scene:
    """The service, and its data owner's client."""

    served: Served
    http: FlaskClient

    def job(self, **changes: Any) -> dict[str, Any]:
        """A job that would be admitted, but for the changes."""
        return {
            "dataset_id": self.served.ready.dataset_id,
            "purpose": "research",
            "epsilon": 0.1,
            "delta": 1e-5,
            "radius": 4.0,
            "steps": 1,
        } | changes

    def submit(self, **changes: Any) -> Any:
        return self.http.post("/v1/jobs", json=self.job(**changes))

    def quote(self, **changes: Any) -> Any:
        return self.http.post("/v1/quotes", json=self.job(**changes))

    def register(self, body: dict[str, Any]) -> Any:
        return self.http.post("/v1/datasets", json=body)

    def offer(self) -> Offer:
        return Offer(self.served.installation.custodian)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield Scene(served, served.owner())


def raw(scene: Scene, body: str | bytes, path: str = "/v1/jobs", kind: str = "application/json") -> Any:
    return scene.http.post(path, data=body, content_type=kind)


PLANS: dict[str, tuple[dict[str, Any], int, str]] = {
    "epsilon zero": ({"epsilon": 0}, 422, "invalid_request"),
    "epsilon negative": ({"epsilon": -1.0}, 422, "invalid_request"),
    "epsilon beyond all limits": ({"epsilon": 1e9}, 422, "invalid_request"),
    "epsilon above the owner's": ({"epsilon": 4.5}, 422, "plan_refused"),
    "epsilon as text": ({"epsilon": "1"}, 422, "invalid_request"),
    "epsilon true": ({"epsilon": True}, 422, "invalid_request"),
    "epsilon null": ({"epsilon": None}, 422, "invalid_request"),
    "delta zero": ({"delta": 0.0}, 422, "invalid_request"),
    "delta one": ({"delta": 1.0}, 422, "invalid_request"),
    "delta too small to account": ({"delta": 1e-300}, 422, "plan_refused"),
    "delta above the owner's": ({"delta": 1e-3, "epsilon": 4.0}, 422, "plan_refused"),
    "no steps": ({"steps": 0}, 422, "invalid_request"),
    "too many steps": ({"steps": 4097}, 422, "invalid_request"),
    "more steps than the key may decrypt": ({"steps": 9}, 422, "plan_refused"),
    "half a step": ({"steps": 1.5}, 422, "invalid_request"),
    "radius negative": ({"radius": -4.0}, 422, "invalid_request"),
    "radius beyond all limits": ({"radius": 1e300}, 422, "invalid_request"),
    "radius that the circuit has no room for": ({"radius": 64.0}, 422, "plan_refused"),
    "learning rate zero": ({"learning_rate": 0}, 422, "invalid_request"),
    "momentum one": ({"momentum": 1.0}, 422, "invalid_request"),
    "purpose malformed": ({"purpose": "Research!"}, 422, "invalid_request"),
    "purpose not signed": ({"purpose": "marketing"}, 403, "policy_denied"),
    "purpose missing": ({"purpose": None}, 422, "invalid_request"),
    "unknown algorithm": ({"algorithm": "backdoor"}, 422, "invalid_request"),
    "unknown field": ({"noise": 0}, 422, "invalid_request"),
    "unknown data set": ({"dataset_id": "ds_" + "a" * 26}, 404, "not_found"),
    "malformed data set": ({"dataset_id": "../../etc/passwd"}, 422, "invalid_request"),
}


@pytest.mark.parametrize(("changes", "status", "code"), PLANS.values(), ids=PLANS.keys())
def test_plans_that_cannot_be(scene: Scene, changes: dict[str, Any], status: int, code: str) -> None:
    before = scene.served.state()
    problem = problem_of(scene.submit(**changes))
    assert (problem["status"], problem["code"]) == (status, code)
    assert scene.served.state() == before


@pytest.mark.parametrize("name", [name for name, (_, _, code) in PLANS.items() if code == "plan_refused"])
def test_a_quote_says_why_such_a_plan_cannot_be(scene: Scene, name: str) -> None:
    before = scene.served.state()
    quote = scene.quote(**PLANS[name][0])
    assert quote.status_code == 200
    assert quote.get_json()["admissible"] is False
    assert quote.get_json()["refusals"]
    assert scene.served.state() == before


NOT_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999"]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/quotes"])
@pytest.mark.parametrize("field", ["epsilon", "delta", "radius", "learning_rate", "momentum", "steps"])
@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_number_is_no_plan(scene: Scene, path: str, field: str, value: str) -> None:
    before = scene.served.state()
    body = json.dumps(scene.job(**{field: 12345})).replace("12345", value)
    problem = problem_of(raw(scene, body, path))
    assert problem["status"] in (400, 422)
    assert scene.served.state() == before


def too_deep(scene: Scene) -> Any:
    return raw(scene, "[" * 100_000)


def repeated_field(scene: Scene) -> Any:
    return raw(scene, json.dumps(scene.job())[:-1] + ', "epsilon": 0.01}')


BODIES: dict[str, tuple[Send, int, str]] = {
    "empty": (lambda scene: raw(scene, ""), 400, "malformed_request"),
    "not JSON": (lambda scene: raw(scene, "epsilon=1"), 400, "malformed_request"),
    "cut": (lambda scene: raw(scene, json.dumps(scene.job())[:-1]), 400, "malformed_request"),
    "not UTF-8": (lambda scene: raw(scene, b'{"purpose": "\xff"}'), 400, "malformed_request"),
    "a list": (lambda scene: raw(scene, "[]"), 422, "invalid_request"),
    "null": (lambda scene: raw(scene, "null"), 422, "invalid_request"),
    "a field twice": (repeated_field, 400, "malformed_request"),
    "nested without end": (too_deep, 400, "malformed_request"),
    "another media type": (lambda scene: raw(scene, "{}", kind="text/plain"), 415, "unsupported_media_type"),
    "a form": (lambda scene: scene.http.post("/v1/jobs", data={"epsilon": 1}), 415, "unsupported_media_type"),
    "17 MiB": (lambda scene: raw(scene, b" " * (17 * 2**20)), 413, "too_large"),
    "another plan than quoted": (
        lambda scene: scene.submit(plan_digest="sha256:" + "0" * 64),
        412,
        "plan_changed",
    ),
    "an unknown model": (lambda scene: scene.http.get(f"/v1/models/{new_id('model')}"), 404, "not_found"),
    "a malformed model": (lambda scene: scene.http.get("/v1/models/latest"), 404, "not_found"),
    "an unknown model's weights": (
        lambda scene: scene.http.get(f"/v1/models/{new_id('model')}/weights"),
        404,
        "not_found",
    ),
    "an unknown job": (lambda scene: scene.http.post(f"/v1/jobs/{new_id('job')}/cancel"), 404, "not_found"),
    "a malformed job": (lambda scene: scene.http.get("/v1/jobs/1"), 404, "not_found"),
    "a page of none": (lambda scene: scene.http.get("/v1/jobs?limit=0"), 422, "invalid_request"),
    "a page of too many": (lambda scene: scene.http.get("/v1/jobs?limit=100000"), 422, "invalid_request"),
    "a cursor of our own making": (lambda scene: scene.http.get("/v1/jobs?cursor=abc"), 404, "invalid_query"),
    "an unknown parameter": (lambda scene: scene.http.get("/v1/jobs?tenant=insurer"), 400, "malformed_request"),
    "an idempotency key with blanks": (
        lambda scene: scene.http.post("/v1/jobs", json=scene.job(), headers={"Idempotency-Key": "a b"}),
        422,
        "invalid_request",
    ),
    "another method": (lambda scene: scene.http.delete("/v1/jobs"), 405, "method_not_allowed"),
    "another path": (lambda scene: scene.http.get("/v1/secrets"), 404, "not_found"),
}


@pytest.mark.parametrize(("send", "status", "code"), BODIES.values(), ids=BODIES.keys())
def test_requests_that_cannot_be_understood(scene: Scene, send: Send, status: int, code: str) -> None:
    before = scene.served.state()
    problem = problem_of(send(scene))
    assert (problem["status"], problem["code"]) == (status, code)
    assert scene.served.state() == before


def signed(scene: Scene, payload: bytes, offer: Offer) -> dict[str, Any]:
    """A body whose descriptor is whatever the owner chose to sign."""
    envelope = json.loads(envelopes.sign(payload, offer.upload_key))
    return {"envelope": envelope, "sealed_key": base64.b64encode(offer.seal()).decode(), "name": "x"}


def own_words(scene: Scene, change: Callable[[dict[str, Any]], None]) -> Any:
    """Register a descriptor that the owner changed and signed."""
    offer = scene.offer()
    fields = descriptor_json(dataset_id=offer.dataset_id, upload_key=public_hex(offer.upload_key))
    change(fields)
    return scene.register(signed(scene, rfc8785.dumps(fields), offer))


def with_body(scene: Scene, **changes: Any) -> Any:
    return scene.register(scene.served.registration() | changes)


def tampered(scene: Scene) -> Any:
    body = scene.served.registration()
    payload = base64.b64decode(body["envelope"]["payload"]).replace(b'"epsilon":1', b'"epsilon":9')
    body["envelope"]["payload"] = base64.b64encode(payload).decode()
    return scene.register(body)


def seal_of_another(scene: Scene) -> Any:
    first, second = scene.served.registration(), scene.served.registration()
    return scene.register(first | {"sealed_key": second["sealed_key"]})


def not_canonical(scene: Scene) -> Any:
    offer = scene.offer()
    fields = descriptor_json(dataset_id=offer.dataset_id, upload_key=public_hex(offer.upload_key))
    return scene.register(signed(scene, json.dumps(fields, indent=1).encode(), offer))


def limit(name: str, value: Any) -> Send:
    return lambda scene: own_words(scene, lambda fields: fields["limits"].update({name: value}))


def field(name: str, value: Any) -> Send:
    return lambda scene: own_words(scene, lambda fields: fields.update({name: value}))


def first_block(**changes: Any) -> Send:
    return lambda scene: own_words(scene, lambda fields: fields["blocks"][0].update(changes))


REGISTRATIONS: dict[str, tuple[Send, str]] = {
    "changed after signing": (tampered, "invalid_descriptor"),
    "signed by nobody": (
        lambda scene: with_body(scene, envelope={"payload": "", "payloadType": "x", "signatures": []}),
        "invalid_request",
    ),
    "the seal of another data set": (seal_of_another, "invalid_descriptor"),
    "a seal of noise": (lambda scene: with_body(scene, sealed_key="A" * 1000), "invalid_descriptor"),
    "a seal of impossible base64": (lambda scene: with_body(scene, sealed_key="A" * 1001), "invalid_request"),
    "a seal that is not base64": (lambda scene: with_body(scene, sealed_key="!" * 1000), "invalid_request"),
    "another tenant": (field("tenant", "insurer"), "invalid_descriptor"),
    "not canonical": (not_canonical, "invalid_descriptor"),
    "epsilon zero": (limit("epsilon", 0), "invalid_descriptor"),
    "epsilon negative": (limit("epsilon", -1), "invalid_descriptor"),
    "epsilon tiny": (limit("epsilon", 1e-300), "invalid_descriptor"),
    "delta one": (limit("delta", 1), "invalid_descriptor"),
    "delta tiny": (limit("delta", 1e-300), "invalid_descriptor"),
    "no decryptions": (limit("max_decryptions", 0), "invalid_descriptor"),
    "no purposes": (limit("purposes", []), "invalid_descriptor"),
    "a short modulus for a long chain": (
        lambda scene: own_words(scene, lambda fields: fields["parameters"].update(coeff_modulus=[3, 5, 7])),
        "invalid_descriptor",
    ),
    "an insecure ring": (
        lambda scene: own_words(scene, lambda fields: fields["parameters"].update(poly_modulus_degree=1024)),
        "invalid_descriptor",
    ),
    "blocks of another length": (first_block(bytes=1), "invalid_descriptor"),
    "blocks of two gigabytes": (first_block(bytes=2**31), "invalid_descriptor"),
    "a block missing": (
        lambda scene: own_words(scene, lambda fields: fields["blocks"].pop()),
        "invalid_descriptor",
    ),
    "an evaluation key missing": (
        lambda scene: own_words(scene, lambda fields: fields["evaluation_keys"].pop()),
        "invalid_descriptor",
    ),
    "no records": (field("n_records", 0), "invalid_descriptor"),
    "a negative number of features": (field("n_features", -1), "invalid_descriptor"),
    "another format": (field("format", "secure-ds/dataset/0"), "invalid_descriptor"),
    "a surplus field": (field("sensitivity", 0), "invalid_descriptor"),
    "a name of control characters": (lambda scene: with_body(scene, name="a\nb"), "invalid_request"),
    "sensitivity out of range": (lambda scene: with_body(scene, sensitivity=4), "invalid_request"),
}


@pytest.mark.parametrize(("send", "code"), REGISTRATIONS.values(), ids=REGISTRATIONS.keys())
def test_data_sets_that_cannot_be(scene: Scene, send: Send, code: str) -> None:
    before = scene.served.state()
    problem = problem_of(send(scene))
    assert (problem["status"], problem["code"]) == (422, code)
    assert scene.served.state() == before


@pytest.fixture
def nearly_spent(scene: Scene) -> Iterator[None]:
    """Some other job holds all but a sliver of the data set's budget, for the length of a test."""
    store, dataset_id, job_id = scene.served.installation.store, scene.served.ready.dataset_id, new_id("job")
    with store.write() as work:
        work.ledger.reserve(dataset_id, job_id, (work.ledger.budget(dataset_id).available_units - 1000,))
    yield
    with store.write() as work:
        work.ledger.settle(job_id)


def test_more_than_is_left_is_refused_with_what_would_fit(scene: Scene, nearly_spent: None) -> None:
    before = scene.served.state()
    problem = problem_of(scene.submit(epsilon=2.0))
    assert (problem["status"], problem["code"]) == (409, "budget_exceeded")
    assert scene.served.state() == before
    left = problem["facts"]["epsilon_left"]
    assert 0 < left < 0.1
    assert scene.quote(epsilon=2.0).get_json()["admissible"] is False
    assert scene.quote(epsilon=left).get_json()["admissible"] is True


def test_more_decryptions_than_are_left_are_refused(scene: Scene) -> None:
    """Of 8 decryptions the waiting job has reserved 3."""
    before = scene.served.state()
    problem = problem_of(scene.submit(steps=6))
    assert (problem["status"], problem["code"]) == (409, "budget_exceeded")
    assert problem["facts"] == {"decryptions_left": 5}
    assert scene.served.state() == before


def test_an_idempotency_key_fits_one_request(scene: Scene) -> None:
    key = {"Idempotency-Key": "one-job"}
    first = scene.http.post("/v1/jobs", json=scene.job(), headers=key)
    after_first = scene.served.state()
    again = scene.http.post("/v1/jobs", json=scene.job(), headers=key)
    assert (first.status_code, again.status_code, again.get_json()) == (202, 202, first.get_json())
    problem = problem_of(scene.http.post("/v1/jobs", json=scene.job(epsilon=0.2), headers=key))
    assert (problem["status"], problem["code"]) == (409, "idempotency_conflict")
    problem = problem_of(scene.http.post("/v1/datasets", json=scene.served.registration(), headers=key))
    assert (problem["status"], problem["code"]) == (409, "idempotency_conflict")
    assert without_journal_keys(scene.served.state()) == without_journal_keys(after_first)


def test_another_persons_idempotency_key_is_another_key(scene: Scene) -> None:
    key = {"Idempotency-Key": "same-words"}
    engineer = scene.served.user("eve", Role.ML_ENGINEER)
    first = scene.http.post("/v1/jobs", json=scene.job(epsilon=0.02), headers=key)
    second = engineer.post("/v1/jobs", json=scene.job(epsilon=0.03), headers=key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json()["id"] != second.get_json()["id"]


def without_journal_keys(state: dict[str, Any]) -> dict[str, Any]:
    """All but the custodian's keys: it takes a key before the service can know whether the request is a repetition."""
    return {name: rows for name, rows in state.items() if name not in ("keys", "outbox", "delivered")}


def changed_secret(scene: Scene) -> str:
    token = scene.served.token("alice", Role.DATA_OWNER)
    return token[:-1] + ("A" if token[-1] != "A" else "B")


def revoked(scene: Scene) -> str:
    token = scene.served.token("alice", Role.DATA_OWNER)
    revoke_token(scene.served.installation.store, "tok_" + token.split("_")[1])
    return token


TOKENS: dict[str, tuple[Callable[[Scene], str | None], str]] = {
    "none": (lambda scene: None, "invalid_token"),
    "malformed": (lambda scene: "let-me-in", "invalid_token"),
    "empty": (lambda scene: "", "invalid_token"),
    "unknown": (lambda scene: f"sds_{'a' * 26}_{'A' * 43}", "invalid_token"),
    "of another secret": (changed_secret, "invalid_token"),
    "revoked": (revoked, "invalid_token"),
    "cut": (lambda scene: scene.served.token("alice", Role.DATA_OWNER)[:-1], "invalid_token"),
    "very long": (lambda scene: "sds_" + "a" * 100_000, "invalid_token"),
    "not ASCII": (lambda scene: "sds_é", "invalid_token"),
    "an injection": (lambda scene: "sds_' OR 1=1 --", "invalid_token"),
    "expired": (lambda scene: scene.served.token("alice", Role.DATA_OWNER, lifetime=timedelta(0)), "expired_token"),
}


@pytest.mark.parametrize(("make", "code"), TOKENS.values(), ids=TOKENS.keys())
def test_tokens_that_are_no_good(scene: Scene, make: Callable[[Scene], str | None], code: str) -> None:
    http = scene.served.bearing(make(scene))
    before = scene.served.state()
    requests = (
        http.get("/v1/datasets"),
        http.post("/v1/jobs", json=scene.job()),
        http.post("/v1/datasets", json=scene.served.registration()),
        http.put(f"/v1/datasets/{scene.served.ready.dataset_id}/blobs/sha256:{'0' * 64}", data=b"x"),
        http.get("/v1/audit/export"),
    )
    for answer in requests:
        problem = problem_of(answer)
        assert (problem["status"], problem["code"]) == (401, code)
        assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert scene.served.state() == before
