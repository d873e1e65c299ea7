"""The custodian's door: who may knock, what a refusal says, and that no answer to anything carries a secret key."""

import base64
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from audit.stores.sql import SqlStore
from hsm.pin import PinVariable
from secure_ds.client.group import consent_to
from secure_ds.core.ids import new_id
from secure_ds.custodian import server
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.groups import unwrapped_group
from secure_ds.custodian.held_keys import held_key, unwrapped
from secure_ds.custodian.server import create_server
from secure_ds.store.errors import StoreUnavailable
from secure_ds.wire.custodian import ConsentMessage, CustodianError, DecryptionQuestion, GroupCreation
from secure_ds.wire.datasets import Envelope
from tests.collaborating import joined
from tests.custodian.offers import Offer
from tests.custodian.test_certificates import request as certificate_request
from tests.custodian.test_grants import request as grant_request
from tests.prepared import STEPS, Hands, Prepared, prepared
from tests.simulators.keystores import FailingKeyStore

ACTS = {
    "answer",
    "certify",
    "certify_sealed",
    "check_norms",
    "checkpoint",
    "consent",
    "create_group",
    "decryptions",
    "grant",
    "grant_sealed",
    "health",
    "public_keys",
    "register",
    "register_sealed",
    "release_keys",
    "settle_sealed",
}


@pytest.fixture
def custodian(ready: Prepared) -> CustodianContext:
    return ready.installation.custodian


@pytest.fixture
def http(custodian: CustodianContext) -> FlaskClient:
    return create_server(custodian, over_socket=False).test_client()


def acts_of(app: Flask) -> set[str]:
    return {rule.rule.removeprefix("/") for rule in app.url_map.iter_rules() if rule.endpoint != "static"}


SEALED_ACTS = {"register_sealed", "grant_sealed", "release_keys", "settle_sealed", "certify_sealed"}  # see sealed/
GROUP_ACTS = {"consent", "create_group"}


def honest_questions(hands: Hands) -> dict[str, str]:
    """One question of every act that gets an answer, in a job that is about to end."""
    ready = Prepared(hands.installation, None, hands.descriptor, None)  # type: ignore[arg-type]
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    answered = hands.question(ciphertext).model_dump_json()
    hands.carry_out()
    while hands.step < STEPS:
        hands.carry_out()
    return {
        "register": Offer(hands.installation.custodian).message().model_dump_json(),
        "grant": grant_request(ready).model_dump_json(),
        "answer": answered,
        "certify": certificate_request(hands).model_dump_json(),
        "checkpoint": "{}",
        "decryptions": DecryptionQuestion(dataset_id=hands.descriptor.dataset_id).model_dump_json(),
        "public_keys": "{}",
        "health": "{}",
    }


def test_there_are_these_acts_and_no_others(http: FlaskClient) -> None:
    assert acts_of(http.application) - {"static/<path:filename>"} == ACTS


def encodings(secret: bytes) -> Iterator[bytes]:
    """A secret as it might stand in a text: raw, hexadecimal, base64 at each alignment."""
    yield secret
    yield secret.hex().encode()
    for shift in range(3):
        yield base64.b64encode(secret[shift:])[4:-8]


def secrets_of(custodian: CustodianContext, dataset_id: str) -> list[bytes]:
    """Stretches of the data set's secret key in every encoding: what no answer may contain."""
    with unwrapped(custodian, held_key(custodian, dataset_id)[0]) as key:
        secret = key.to_bytes()
    return stretches(secret)


def stretches(secret: bytes) -> list[bytes]:
    """Stretches of a secret key in every encoding."""
    parts = (secret[start : start + 48] for start in range(64, len(secret) - 48, 500))
    return [encoded for part in parts for encoded in encodings(part)]


def test_no_answer_to_any_act_contains_the_secret_key(hands: Hands, http: FlaskClient) -> None:
    forbidden = secrets_of(hands.installation.custodian, hands.descriptor.dataset_id)
    questions = honest_questions(hands)
    assert questions.keys() == ACTS - {"check_norms", *GROUP_ACTS, *SEALED_ACTS}
    wrapped = held_key(hands.installation.custodian, hands.descriptor.dataset_id)[0].wrapped_secret
    for act, question in questions.items():
        for body in (question, "{}", question.replace("ds_", "dx_"), question[:-1]):
            answer = http.post(f"/{act}", data=body)
            assert answer.status_code == 200 or body != question, (act, answer.json)
            assert not any(secret in answer.data for secret in forbidden), act
            assert wrapped not in answer.data
            assert base64.b64encode(wrapped) not in answer.data


def test_no_answer_about_a_group_contains_its_secret_key(tmp_path: Path) -> None:
    """The same for the keys that the custodian makes itself."""
    scene = joined(tmp_path)
    custodian = scene.installation.custodian
    http = create_server(custodian, over_socket=False).test_client()
    _, envelope = consent_to(scene.south.descriptor, "withdrawn", scene.south.upload_key)
    consent = ConsentMessage(dataset_id=scene.south.dataset_id, envelope=Envelope.model_validate_json(envelope))
    terms = scene.statement.terms.model_dump(mode="json")
    created = GroupCreation(collaboration_id=new_id("collab"), called_by="north", terms=terms)
    questions = {"create_group": (created, created.collaboration_id), "consent": (consent, scene.id)}
    assert questions.keys() == GROUP_ACTS
    for act, (question, group) in questions.items():
        answer = http.post(f"/{act}", data=question.model_dump_json())
        assert answer.status_code == 200, answer.json
        with unwrapped_group(custodian, group) as key:
            assert not any(secret in answer.data for secret in stretches(key.to_bytes())), act


def test_the_secret_key_is_nowhere_on_the_disk(hands: Hands) -> None:
    honest_questions(hands)
    forbidden = secrets_of(hands.installation.custodian, hands.descriptor.dataset_id)
    for path in hands.installation.home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not any(secret in data for secret in forbidden), path.name


class Peer:
    """A socket's other end."""

    def __init__(self, user: int) -> None:
        self.user = user

    def getsockopt(self, *_: int) -> bytes:
        return struct.pack("3i", 1, self.user, 0)


@pytest.mark.parametrize("act", sorted(ACTS))
def test_another_user_is_turned_away_before_the_question_is_read(custodian: CustodianContext, act: str) -> None:
    http = create_server(custodian).test_client()
    foreign = http.post(f"/{act}", data="{", environ_overrides={"gunicorn.socket": Peer(os.getuid() + 1)})
    assert (foreign.status_code, error(foreign).code) == (403, "foreign_peer")
    own = http.post(f"/{act}", data="{", environ_overrides={"gunicorn.socket": Peer(os.getuid())})
    assert (own.status_code, error(own).code) == (400, "malformed")


MALFORMED = ["", "{", "[]", "null", '{"surplus": 1}', '{"job_id": 1}', "\x00", "A" * 1000]


@pytest.mark.parametrize("body", MALFORMED, ids=repr)
def test_malformed_questions_are_refused_without_a_word_about_them(http: FlaskClient, body: str) -> None:
    for act in ACTS:
        refused = http.post(f"/{act}", data=body)
        assert (refused.status_code, error(refused).detail) == (400, "not a message of this act")


@pytest.mark.parametrize("field", ["ciphertexts", "weights_digest", "job_id", "step", "fence", "grant"])
def test_every_field_of_a_question_is_checked(hands: Hands, http: FlaskClient, field: str) -> None:
    question = hands.question(hands.evaluate()).model_dump(mode="json")
    for wrong in ("A", -1, None, {}, "é", True):
        refused = http.post("/answer", json=question | {field: wrong})
        assert (refused.status_code, error(refused).code) == (400, "malformed"), (field, wrong)


def test_an_endless_question_is_not_read(http: FlaskClient) -> None:
    refused = http.post("/answer", data=b"{", environ_overrides={"CONTENT_LENGTH": str(2**31)})
    assert refused.status_code == 413


def test_only_posts_of_known_acts_are_answered(http: FlaskClient) -> None:
    assert http.get("/health").status_code == 405
    assert http.post("/secret_key").status_code == 404
    assert http.post("/").status_code == 404


def test_a_refusal_carries_code_and_sentence(http: FlaskClient) -> None:
    unknown = DecryptionQuestion(dataset_id="ds_" + "a" * 26).model_dump_json()
    refused = http.post("/decryptions", data=unknown)
    assert (refused.status_code, error(refused).code) == (409, "key_unknown")


@pytest.mark.parametrize("fault", [RuntimeError("record 7 is 0.25"), OperationalError("INSERT", {}, Exception("x"))])
def test_an_unexpected_fault_is_answered_without_its_message(
    http: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(server, "answer_step", fail)
    monkeypatch.setattr(server, "_health", fail)
    failed = http.post("/health", data="{}")
    assert (failed.status_code, error(failed).code) == (500, "internal")
    assert "0.25" not in failed.text + caplog.text


def test_a_database_that_is_away_is_503(http: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr(SqlStore, "size", away)
    refused = http.post("/checkpoint", data="{}")
    assert (refused.status_code, error(refused).code) == (503, "unavailable")


def test_a_token_that_is_away_is_503_and_loses_nothing(tmp_path: Path) -> None:
    """Whatever needs the token says so; when it is back, the same questions get their answers."""
    opened: list[FailingKeyStore] = []

    def open_failing(path: Path) -> FailingKeyStore:
        opened.append(FailingKeyStore(path, PinVariable("TEST_KEYSTORE_PIN")))
        return opened[0]

    ready = prepared(tmp_path, open_failing)
    keystore, hands = opened[0], Hands(ready.installation)
    http = create_server(ready.installation.custodian, over_socket=False).test_client()
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    questions = {
        "register": Offer(ready.installation.custodian).message().model_dump_json(),
        "grant": grant_request(ready).model_dump_json(),
        "answer": hands.question(ciphertext).model_dump_json(),
        "checkpoint": "{}",
        "health": "{}",
    }
    keystore.present = False
    for act, question in questions.items():
        refused = http.post(f"/{act}", data=question)
        assert (refused.status_code, error(refused).code) == (503, "unavailable"), act
    assert ready.installation.custodian.journal.answers(ready.job.id) == []
    keystore.present = True
    for act, question in questions.items():
        assert http.post(f"/{act}", data=question).status_code == 200, act
    assert len(ready.installation.custodian.journal.spends(ready.job.id)) == 1


def error(response: Any) -> CustodianError:
    return CustodianError.model_validate_json(response.data)


def test_a_refusal_that_nobody_filed_is_filed_at_the_door(ready: Prepared) -> None:
    http = create_server(ready.installation.custodian, over_socket=False).test_client()
    unknown = new_id("ds")
    assert http.post("/decryptions", json={"dataset_id": unknown}).status_code == 409
    with ready.installation.store.read() as work:
        last = work.audit.entry(work.audit.head().size - 1).read().draft
    assert (last.action, last.dataset_id, last.tenant) == ("key:refuse", unknown, None)
    assert last.details == {"asked": "DecryptionQuestion", "code": "key_unknown"}


def test_a_caller_without_a_socket_is_nobody(custodian: CustodianContext) -> None:
    assert create_server(custodian).test_client().post("/health", json={}).status_code == 403
