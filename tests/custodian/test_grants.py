"""Consent is to one job under a plan the custodian computes itself; nobody else can make, widen or move it."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from hsm.interface import KeyStore
from secure_ds.core.ids import new_id
from secure_ds.custodian.answering import answer_step
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import (
    DataMismatch,
    GrantInvalid,
    KeyUnknown,
    LimitExceeded,
    NotVerified,
    PlanMismatch,
    PolicyRefused,
)
from secure_ds.custodian.grants import PAYLOAD_TYPE, grant, open_grant
from secure_ds.custodian.journal import Check, Spend
from secure_ds.custodian.keyring import CERTIFICATES, GRANTS, Keyring
from secure_ds.custodian.registration import register
from secure_ds.services.planning import ledger_limit, plan_for
from secure_ds.wire.custodian import GrantRequest, Submitter
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest
from tests.custodian.offers import Offer
from tests.installation import ORIGIN, software_keystore
from tests.prepared import MAX_DECRYPTIONS, SETTINGS, Hands, Prepared

SUBMITTER = Submitter(id="alice", tenant="clinic", roles=["data_owner"], purposes=["research"], clearance=3)


def training(ready: Prepared, **changes: Any) -> TrainingRequest:
    asked = {"dataset_id": ready.dataset_id, "purpose": "research", "epsilon": 1.0, "delta": 1e-5, **SETTINGS}
    return TrainingRequest.model_validate(asked | changes)


def request(ready: Prepared, **changes: Any) -> GrantRequest:
    """What the service asks for a small job, but for the changes."""
    asked = changes.pop("request", training(ready))
    honest = {
        "job_id": new_id("job"),
        "request": asked,
        "dataset_ids": [ready.dataset_id],
        "plan_digest": plan_for([ready.descriptor], asked).digest,
        "submitter": SUBMITTER,
        "request_id": new_id("req"),
    }
    return GrantRequest.model_validate(honest | changes)


def spent(ready: Prepared, units: int, steps: int = 1) -> list[Spend]:
    """Payments of some other job of the past."""
    job_id = new_id("job")
    digest = "sha256:" + "0" * 64
    return [
        Spend(job_id, step, ready.dataset_id, ready.dataset_id, 1, digest, digest, digest, units if step == 0 else 1)
        for step in range(steps)
    ]


def pay_in_journal(ready: Prepared, spends: list[Spend]) -> None:
    for each in spends:
        with ready.installation.custodian.journal.append() as page:
            page.spent(each)


def test_consent_opens_as_what_was_asked(ready: Prepared) -> None:
    custodian, asked = ready.installation.custodian, request(ready)
    envelope = grant(custodian, asked).envelope
    assert open_grant(custodian, envelope, asked.job_id) == asked


def test_consent_stores_nothing(ready: Prepared) -> None:
    before = (ready.installation.home / "journal.db").read_bytes()
    grant(ready.installation.custodian, request(ready))
    assert (ready.installation.home / "journal.db").read_bytes() == before


def test_a_plan_the_custodian_does_not_compute_is_refused(ready: Prepared) -> None:
    custodian = ready.installation.custodian
    cheaper = plan_for([ready.descriptor], training(ready, epsilon=0.5)).digest
    with pytest.raises(PlanMismatch):
        grant(custodian, request(ready, plan_digest=cheaper))
    with pytest.raises(PlanMismatch, match="more than the owner"):
        grant(
            custodian,
            request(ready, request=training(ready), plan_digest=cheaper).model_copy(
                update={"request": training(ready, epsilon=4.5)}
            ),
        )


def test_an_unknown_data_set_is_refused(ready: Prepared) -> None:
    unknown = training(ready).model_copy(update={"dataset_id": new_id("ds")})
    asked = {"request": unknown, "dataset_ids": [unknown.dataset_id]}
    with pytest.raises(KeyUnknown):
        grant(ready.installation.custodian, request(ready).model_copy(update=asked))


def test_other_data_sets_than_the_request_names_are_refused(ready: Prepared) -> None:
    unnamed = training(ready).model_copy(update={"dataset_id": new_id("ds")})
    with pytest.raises(DataMismatch):
        grant(ready.installation.custodian, request(ready).model_copy(update={"request": unnamed}))
    with pytest.raises(DataMismatch):
        grant(ready.installation.custodian, request(ready, dataset_ids=[ready.dataset_id, ready.dataset_id]))


def test_a_data_set_that_did_not_pass_the_norm_check_is_refused(ready: Prepared) -> None:
    custodian, offer = ready.installation.custodian, Offer(ready.installation.custodian)
    register(custodian, offer.message())
    asked = training(ready).model_copy(update={"dataset_id": offer.dataset_id})
    changes = {"request": asked, "dataset_ids": [offer.dataset_id]}
    with pytest.raises(NotVerified):
        grant(custodian, request(ready).model_copy(update=changes))
    with custodian.journal.append() as page:
        page.checked(Check(offer.dataset_id, 0, "sha256:" + "0" * 64, passed=True))
        page.checked(Check(offer.dataset_id, 1, "sha256:" + "1" * 64, passed=False))
    with pytest.raises(NotVerified):
        grant(custodian, request(ready).model_copy(update=changes))


def test_a_purpose_the_owner_did_not_sign_is_refused_and_logged(ready: Prepared) -> None:
    with pytest.raises(PolicyRefused, match="purpose"):
        grant(ready.installation.custodian, request(ready, request=training(ready, purpose="marketing")))
    assert last_refusal(ready) == "key:use"


def test_another_tenants_submitter_is_refused(ready: Prepared) -> None:
    stranger = SUBMITTER.model_copy(update={"tenant": "insurer"})
    with pytest.raises(PolicyRefused):
        grant(ready.installation.custodian, request(ready, submitter=stranger))


def test_budget_is_held_against_the_custodians_own_count(ready: Prepared) -> None:
    asked = request(ready)
    left = sum(plan_for([ready.descriptor], asked.request).charges)
    limit = ledger_limit(ready.descriptor).units
    pay_in_journal(ready, spent(ready, limit - left))
    grant(ready.installation.custodian, asked)  # exactly fits
    pay_in_journal(ready, spent(ready, 1))
    with pytest.raises(LimitExceeded):
        grant(ready.installation.custodian, asked)
    assert last_refusal(ready) == "key:use"


def test_decryptions_are_held_against_the_custodians_own_count(ready: Prepared) -> None:
    asked = request(ready)
    pay_in_journal(ready, spent(ready, 1, MAX_DECRYPTIONS - asked.request.steps))  # type: ignore[operator]
    grant(ready.installation.custodian, asked)
    pay_in_journal(ready, spent(ready, 1))
    with pytest.raises(LimitExceeded):
        grant(ready.installation.custodian, asked)


def for_another_job(custodian: CustodianContext, ready: Prepared, _: KeyStore) -> Envelope:
    return grant(custodian, request(ready)).envelope


def altered(custodian: CustodianContext, ready: Prepared, _: KeyStore) -> Envelope:
    """The plan's digest replaced behind the signature."""
    envelope = grant(custodian, request(ready, job_id=ready.job.id)).envelope
    content = json.loads(base64.b64decode(envelope.payload)) | {"plan_digest": "sha256:" + "0" * 64}
    return envelope.model_copy(update={"payload": base64.b64encode(json.dumps(content).encode()).decode()})


def from_another_custodian(custodian: CustodianContext, ready: Prepared, other: KeyStore) -> Envelope:
    payload = request(ready, job_id=ready.job.id).model_dump_json().encode()
    return Envelope.model_validate_json(Keyring(other, ORIGIN).sign(GRANTS, payload, PAYLOAD_TYPE))


def signed_by_the_certificate_key(custodian: CustodianContext, ready: Prepared, _: KeyStore) -> Envelope:
    payload = request(ready, job_id=ready.job.id).model_dump_json().encode()
    return Envelope.model_validate_json(custodian.keyring.sign(CERTIFICATES, payload, PAYLOAD_TYPE))


def of_another_type(custodian: CustodianContext, ready: Prepared, _: KeyStore) -> Envelope:
    payload = request(ready, job_id=ready.job.id).model_dump_json().encode()
    return Envelope.model_validate_json(custodian.keyring.sign(GRANTS, payload, "application/json"))


FORGERIES = [for_another_job, altered, from_another_custodian, signed_by_the_certificate_key, of_another_type]
Forgery = Callable[[CustodianContext, Prepared, KeyStore], Envelope]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_forged_consent_answers_nothing(ready: Prepared, hands: Hands, forgery: Forgery) -> None:
    custodian = ready.installation.custodian
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with software_keystore(ready.installation.home / "other.sdkf") as other:
        envelope = forgery(custodian, ready, other)
    with pytest.raises(GrantInvalid):
        answer_step(custodian, hands.question(ciphertext, grant=envelope))
    assert custodian.journal.spends(ready.job.id) == []


def last_refusal(ready: Prepared) -> str:
    with ready.installation.store.read() as work:
        draft = work.audit.entry(work.audit.head().size - 1).read().draft
    assert draft.outcome == "denied"
    return draft.action
