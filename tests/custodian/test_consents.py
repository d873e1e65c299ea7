"""The custodian acts by its own record of consents, and says so in a signed receipt."""

from pathlib import Path

import pytest

from secure_ds.client.group import consent_to
from secure_ds.core.ids import new_id
from secure_ds.custodian.consents import partners, take_consent
from secure_ds.custodian.errors import ConsentMissing, DataMismatch, KeyUnknown
from secure_ds.custodian.facts import key_facts
from secure_ds.custodian.grants import grant
from secure_ds.custodian.held_keys import held_key
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.data.consent import RECEIPT_TYPE, Verdict, receipt_of
from secure_ds.services.planning import plan_for
from secure_ds.wire.custodian import ConsentMessage, ConsentReceipt, GrantRequest, Submitter
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest
from tests.collaborating import SETTINGS, Joined, Member, joined
from tests.installation import PURPOSE


@pytest.fixture
def scene(tmp_path: Path) -> Joined:
    return joined(tmp_path)


def give(scene: Joined, member: Member, verdict: Verdict) -> tuple[bytes, ConsentReceipt]:
    consent, envelope = consent_to(member.descriptor, verdict, member.upload_key)
    message = ConsentMessage(dataset_id=member.dataset_id, envelope=Envelope.model_validate_json(envelope))
    return receipt_of(consent), take_consent(scene.installation.custodian, message)


def asked(scene: Joined, **changes: object) -> GrantRequest:
    request = TrainingRequest(collaboration_id=scene.id, purpose=PURPOSE, epsilon=1.0, delta=1e-5, **SETTINGS)
    members = sorted([scene.north, scene.south], key=lambda each: each.dataset_id)
    plan = plan_for([member.descriptor for member in members], request)
    honest = {
        "job_id": new_id("job"),
        "request": request,
        "dataset_ids": [member.dataset_id for member in members],
        "plan_digest": plan.digest,
        "submitter": Submitter(
            id="engineer-north", tenant="north", roles=["ml_engineer"], purposes=[PURPOSE], clearance=3
        ),
        "request_id": new_id("req"),
    }
    return GrantRequest.model_validate(honest | changes)


def test_a_receipt_is_signed_for_this_very_consent_and_given_again_alike(scene: Joined) -> None:
    expected, receipt = give(scene, scene.south, "withdrawn")
    envelope = receipt.envelope.model_dump_json().encode()
    assert scene.installation.custodian.keyring.verify(CERTIFICATES, envelope, RECEIPT_TYPE) == expected


def test_a_consent_handed_over_twice_is_written_once(scene: Joined) -> None:
    consent, envelope = consent_to(scene.south.descriptor, "joined", scene.south.upload_key)
    message = ConsentMessage(dataset_id=scene.south.dataset_id, envelope=Envelope.model_validate_json(envelope))
    for _ in range(2):
        take_consent(scene.installation.custodian, message)
    numbers = [entry["details"]["number"] for entry in scene.log("south", "key:consent")]
    assert numbers.count(consent.number) == 1


def test_partners_are_the_members_while_consent_holds(scene: Joined) -> None:
    custodian = scene.installation.custodian
    held = held_key(custodian, scene.south.dataset_id)
    assert partners(custodian, held) == {"north", "south"}
    give(scene, scene.south, "withdrawn")
    facts = key_facts(custodian, held)
    assert (facts.collaboration, facts.partners) == (scene.id, frozenset())
    give(scene, scene.south, "joined")
    assert partners(custodian, held) == {"north", "south"}


def test_no_grant_without_every_consent(scene: Joined) -> None:
    custodian = scene.installation.custodian
    assert grant(custodian, asked(scene))
    give(scene, scene.south, "withdrawn")
    with pytest.raises(ConsentMissing, match=scene.south.dataset_id):
        grant(custodian, asked(scene))
    for tenant in ("north", "south"):
        assert [entry["outcome"] for entry in scene.log(tenant, "key:use")] == ["denied"]


def test_no_grant_for_data_sets_outside_the_key_that_is_named(scene: Joined) -> None:
    owner = scene.installation.caller("owner-north", tenant="north")
    alone = scene.installation.ready_dataset(owner, tenant="north").dataset_id
    single = TrainingRequest(dataset_id=scene.north.dataset_id, purpose=PURPOSE, epsilon=1.0, delta=1e-5)
    for request in (
        asked(scene, dataset_ids=sorted([alone, scene.north.dataset_id])),
        asked(scene, dataset_ids=[alone]),
        asked(scene, request=single, dataset_ids=[scene.north.dataset_id]),
    ):
        with pytest.raises(DataMismatch):
            grant(scene.installation.custodian, request)


def test_a_data_set_that_is_not_here_has_no_consent(scene: Joined) -> None:
    _, envelope = consent_to(scene.south.descriptor, "joined", scene.south.upload_key)
    message = ConsentMessage(dataset_id=new_id("ds"), envelope=Envelope.model_validate_json(envelope))
    with pytest.raises(KeyUnknown):
        take_consent(scene.installation.custodian, message)
