"""A certificate says what the custodian's own journal says, about the one model that follows from its own answers."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hsm.dsse import open_envelope
from hsm.errors import EnvelopeRejected
from secure_ds.client.verify import verify_model
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.custodian.certificates import certify
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import CertificateRefused, GrantInvalid
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.services.run_job import record_model
from secure_ds.training.encrypted.model_file import trained_model, write_model
from secure_ds.wire.certificate import PAYLOAD_TYPE, Statement
from secure_ds.wire.custodian import CertificateRequest
from secure_ds.wire.datasets import Envelope
from tests.prepared import STEPS, Hands
from tests.witnesses import NORTH, SOUTH, evaluation, store, with_dual_job


@pytest.fixture
def trained(hands: Hands) -> Hands:
    for _ in range(STEPS):
        hands.carry_out()
    return hands


@pytest.fixture
def confirmed(tmp_path: Path) -> Hands:
    """A job under dual evaluation, trained to its end."""
    hands = Hands(with_dual_job(tmp_path).installation, NORTH)
    for _ in range(STEPS):
        said = evaluation(hands, hands.evaluate())
        store(hands.installation, NORTH.attest(said), SOUTH.attest(said))
        hands.carry_out()
    return hands


def model_bytes(hands: Hands, answers: list[list[int]]) -> bytes:
    feature_map = hands.descriptor.feature_map.model_dump(mode="json")
    return write_model(trained_model(hands.plan, answers, hands.descriptor.classes, feature_map))


def request(hands: Hands, **changes: Any) -> CertificateRequest:
    """Record the honest model and ask about it, but for the changes."""
    model, index = record_model(hands.installation.context, hands.task, model_bytes(hands, hands.answers), {})
    honest = {
        "grant": Envelope.model_validate_json(hands.job.grant),
        "job_id": hands.job.id,
        "model_id": model.id,
        "weights_digest": model.weights_digest,
        "entry_index": index,
    }
    return CertificateRequest.model_validate(honest | changes)


def statement(custodian: CustodianContext, message: CertificateRequest) -> Statement:
    envelope = certify(custodian, message).envelope.model_dump_json().encode()
    key = load_pem_public_key(custodian.keyring.public_keys().certificate_key.encode())
    opened = open_envelope(envelope, PAYLOAD_TYPE, [key])  # type: ignore[list-item]
    return Statement.model_validate_json(opened.payload)


def certified(custodian: CustodianContext, hands: Hands) -> bool:
    return custodian.journal.certificate(hands.job.id) is not None


def test_the_certificate_repeats_the_journal(trained: Hands) -> None:
    custodian = trained.installation.custodian
    message = request(trained)
    found = statement(custodian, message)
    predicate = found.predicate
    assert found.subject[0].digest["sha256"] == message.weights_digest.removeprefix("sha256:")
    assert [int(entry.units) for entry in predicate.ledger] == list(trained.plan.charges)
    assert [entry.ciphertext_digest for entry in predicate.ledger] == [
        spend.ciphertext_digest for spend in custodian.journal.spends(trained.job.id)
    ]
    assert (predicate.plan_digest, predicate.custody.decryptions_used) == (trained.plan.digest, STEPS)
    assert predicate.data[0].limit_epsilon == trained.descriptor.limits.epsilon


def test_one_worker_is_called_one_worker(trained: Hands) -> None:
    claims = statement(trained.installation.custodian, request(trained)).predicate
    assert (claims.evaluation.dual, claims.evaluation.domains) == (False, [])
    assert "taken to compute the honest circuit" in claims.evaluation.statement
    assert [entry.attested_by for entry in claims.ledger] == STEPS * [[]]


def test_dual_evaluation_is_stated_with_its_domains(confirmed: Hands) -> None:
    claims = statement(confirmed.installation.custodian, request(confirmed)).predicate
    assert (claims.evaluation.dual, claims.evaluation.domains) == (True, ["north", "south"])
    assert "evaluated alike" in claims.evaluation.statement and "north and south" in claims.evaluation.statement
    assert [entry.attested_by for entry in claims.ledger] == STEPS * [["north", "south"]]


@pytest.mark.parametrize(
    "weaken",
    [
        lambda claims: claims["evaluation"].update(dual=False),
        lambda claims: claims["ledger"][1].update(attested_by=["north"]),
        lambda claims: claims["ledger"][1].update(attested_by=["north", "north"]),
    ],
)
def test_whoever_verifies_misses_a_witness(confirmed: Hands, weaken: Callable[[dict[str, Any]], None]) -> None:
    """A custodian that signed for a step with one witness would be found out by the certificate itself."""
    custodian, message = confirmed.installation.custodian, request(confirmed)
    said = statement(custodian, message).model_dump(mode="json", by_alias=True)
    weights, keys = model_bytes(confirmed, confirmed.answers), custodian.keyring.public_keys()

    def outcome() -> dict[str, bool]:
        signed = custodian.keyring.sign(CERTIFICATES, json.dumps(said).encode(), PAYLOAD_TYPE)
        return {check.name: check.passed for check in verify_model(signed, weights, keys).checks}

    assert all(outcome().values())
    weaken(said["predicate"])
    assert [name for name, passed in outcome().items() if not passed] == ["evaluation"]


def test_a_repeated_request_gets_the_same_bytes(trained: Hands) -> None:
    custodian, message = trained.installation.custodian, request(trained)
    assert certify(custodian, message) == certify(custodian, message)


def test_an_unfinished_job_gets_none(hands: Hands) -> None:
    hands.carry_out()
    with pytest.raises(CertificateRefused, match=f"1 of {STEPS}"):
        certify(hands.installation.custodian, request(hands))
    assert not certified(hands.installation.custodian, hands)


def another_model(hands: Hands) -> dict[str, Any]:
    changed = [[value + 1 for value in hands.answers[0]], *hands.answers[1:]]
    return {"weights_digest": digest_bytes(model_bytes(hands, changed))}


def without_the_last_step(hands: Hands) -> dict[str, Any]:
    return {"weights_digest": digest_bytes(model_bytes(hands, hands.answers[:-1]))}


def an_entry_about_something_else(_: Hands) -> dict[str, Any]:
    return {"entry_index": 0}


def an_entry_that_is_not_there(_: Hands) -> dict[str, Any]:
    return {"entry_index": 10**6}


def another_name(_: Hands) -> dict[str, Any]:
    return {"model_id": new_id("model")}


LIES = [
    another_model,
    without_the_last_step,
    an_entry_about_something_else,
    an_entry_that_is_not_there,
    another_name,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_what_does_not_follow_from_the_answers_is_not_certified(
    trained: Hands, lie: Callable[[Hands], dict[str, Any]]
) -> None:
    custodian = trained.installation.custodian
    with pytest.raises(CertificateRefused):
        certify(custodian, request(trained, **lie(trained)))
    assert not certified(custodian, trained)
    assert certify(custodian, request(trained)).envelope.signatures  # the truth still is


def test_a_job_without_consent_gets_none(trained: Hands) -> None:
    with pytest.raises(GrantInvalid):
        certify(trained.installation.custodian, request(trained, job_id=new_id("job")))


def test_a_changed_certificate_does_not_verify(trained: Hands) -> None:
    custodian = trained.installation.custodian
    envelope = certify(custodian, request(trained)).envelope
    content = json.loads(base64.b64decode(envelope.payload))
    content["predicate"]["privacy"]["epsilon"] = 0.01
    forged = envelope.model_copy(update={"payload": base64.b64encode(json.dumps(content).encode()).decode()})
    key = load_pem_public_key(custodian.keyring.public_keys().certificate_key.encode())
    with pytest.raises(EnvelopeRejected):
        open_envelope(forged.model_dump_json().encode(), PAYLOAD_TYPE, [key])  # type: ignore[list-item]
