"""Members against each other: consents of others, keys of other groups, data of others."""

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.keys import generate_public_key, generate_secret_key
from secure_ds.ckks.norm_check import norm_check_ciphertexts
from secure_ds.client.errors import InvalidDeclaration, KeyNotListed, UntrustedService
from secure_ds.client.group import consent_to, require_own_key
from secure_ds.client.statement import open_statement
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.custodian.consents import take_consent
from secure_ds.custodian.errors import CheckRefused, ConsentRejected, KeyRejected
from secure_ds.custodian.journal import Registration
from secure_ds.custodian.keyring import GRANTS
from secure_ds.custodian.norms import MAX_FAILED_CHECKS_PER_KEY, check_norms
from secure_ds.custodian.registration import register
from secure_ds.data.collaboration import PAYLOAD_TYPE, Statement
from secure_ds.data.consent import Consent, sign_consent
from secure_ds.data.descriptor import parse_descriptor
from secure_ds.data.signed import open_own_descriptor
from secure_ds.data.signed_descriptor import sign_descriptor
from secure_ds.services.errors import InvalidConsent, InvalidDescriptor, NotFound
from secure_ds.services.planning import norm_plan_for
from secure_ds.wire.collaborations import ConsentGive
from secure_ds.wire.custodian import ConsentMessage, KeyRegistration, NormCheck
from secure_ds.wire.datasets import DatasetCreate, Envelope
from secure_ds.worker.blobs import stored_blocks
from tests.collaborating import Joined, Member, call_for, group_package, joined, named, upload, upload_key_of
from tests.installation import random_records
from tests.prepared import as_text

NOT_NORMALISED = "a record of block 0 is not normalised"


@pytest.fixture
def scene(tmp_path: Path) -> Joined:
    return joined(tmp_path)


def envelope_of(data: bytes) -> Envelope:
    return Envelope.model_validate_json(data)


def handed_in(scene: Joined, member: Member, envelope: bytes, verdict: str = "joined") -> None:
    """The owner's own request to the service, with whatever envelope."""
    services = scene.installation.services
    act = services.join_collaboration if verdict == "joined" else services.withdraw_from_collaboration
    act(member.owner, member.dataset_id, ConsentGive(envelope=envelope_of(envelope)))


def taken(scene: Joined, member: Member, envelope: bytes) -> None:
    """What a compromised service hands to the custodian by itself."""
    message = ConsentMessage(dataset_id=member.dataset_id, envelope=envelope_of(envelope))
    take_consent(scene.installation.custodian, message)


def changed(scene: Joined, member: Member, **fields: Any) -> bytes:
    """A consent that the member signs, but for the changes."""
    consent, _ = consent_to(member.descriptor, "joined", member.upload_key)
    return sign_consent(Consent.model_validate(consent.model_dump() | fields), member.upload_key)


def test_an_old_consent_is_not_taken_again_after_a_withdrawal(scene: Joined) -> None:
    _, old = consent_to(scene.south.descriptor, "joined", scene.south.upload_key)
    handed_in(scene, scene.south, old)
    scene.consent(scene.south, "withdrawn")
    with pytest.raises(ConsentRejected):
        taken(scene, scene.south, old)
    with pytest.raises(InvalidConsent):
        handed_in(scene, scene.south, old)
    assert scene.submit().dataset_ids == [scene.north.dataset_id]


def test_a_consent_is_good_for_its_own_collaboration_and_data_set_alone(scene: Joined) -> None:
    other = call_for(scene.installation, scene.north.owner)
    elsewhere = changed(scene, scene.south, collaboration_id=other.collaboration_id, statement_digest=other.digest)
    other_terms = changed(scene, scene.south, statement_digest="sha256:" + "0" * 64)
    other_data = changed(scene, scene.south, descriptor_digest="sha256:" + "0" * 64)
    norths = consent_to(scene.north.descriptor, "joined", scene.north.upload_key)[1]
    for envelope in (elsewhere, other_terms, other_data, norths):
        with pytest.raises(ConsentRejected):
            taken(scene, scene.south, envelope)
        with pytest.raises(InvalidConsent):
            handed_in(scene, scene.south, envelope)


def test_nobody_consents_for_an_owner(scene: Joined) -> None:
    forged = sign_consent(
        consent_to(scene.south.descriptor, "joined", scene.south.upload_key)[0], Ed25519PrivateKey.generate()
    )
    with pytest.raises(ConsentRejected):
        taken(scene, scene.south, forged)
    genuine = consent_to(scene.south.descriptor, "withdrawn", scene.south.upload_key)[1]
    body = ConsentGive(envelope=envelope_of(genuine))
    with pytest.raises(NotFound):  # not even with the owner's own signature, from another's mouth
        scene.installation.services.withdraw_from_collaboration(scene.north.owner, scene.south.dataset_id, body)


def invented(scene: Joined, key: Ed25519PrivateKey) -> KeyRegistration:
    """A data set "of" south that whoever runs the service makes up: its own upload key, and wide limits."""
    in_its_name = {
        "dataset_id": new_id("ds"),
        "upload_key": key.public_key().public_bytes_raw().hex(),
        "blocks": [
            block.model_dump() | {"digest": digest_bytes(new_id("ds").encode())}
            for block in scene.south.descriptor.blocks
        ],
        "limits": scene.south.descriptor.limits.model_dump(mode="json") | {"epsilon": 100.0},
    }
    descriptor = parse_descriptor(rfc8785.dumps(scene.south.descriptor.model_dump(mode="json") | in_its_name))
    return KeyRegistration(owner="owner-south", envelope=envelope_of(sign_descriptor(descriptor, key)), sealed_key=None)


def test_the_service_invents_no_data_set_of_a_member(scene: Joined) -> None:
    """It signs what it wrote, with the key that it wrote into it. The same by south's own key is taken."""
    custodian, service = scene.installation.custodian, Ed25519PrivateKey.generate()
    forged = invented(scene, service)
    with pytest.raises(KeyRejected, match="upload_key"):
        register(custodian, forged)
    with pytest.raises(KeyRejected, match="upload_key"):  # nor by the key of another member
        register(custodian, invented(scene, scene.north.upload_key))
    assert len(custodian.journal.registrations_of(scene.id)) == 2
    register(custodian, invented(scene, scene.south.upload_key))
    assert len(custodian.journal.registrations_of(scene.id)) == 3


def test_a_consent_counts_by_the_key_in_the_terms_whatever_the_descriptor_says(scene: Joined) -> None:
    """Even if a descriptor under a false key were in the custodian's journal."""
    service = Ed25519PrivateKey.generate()
    envelope = invented(scene, service).envelope.model_dump_json().encode()
    descriptor = open_own_descriptor(envelope)
    slipped_in = Registration(
        descriptor.dataset_id, "south", "owner-south", descriptor.digest, envelope, b"", collaboration_id=scene.id
    )
    with scene.installation.custodian.journal.append() as page:
        page.registered(slipped_in)
    with pytest.raises(ConsentRejected):
        taken(scene, Member(scene.south.owner, service, descriptor), consent_to(descriptor, "joined", service)[1])
    taken(
        scene,
        Member(scene.south.owner, service, descriptor),
        consent_to(descriptor, "joined", scene.south.upload_key)[1],
    )


def test_an_owner_encrypts_for_no_collaboration_that_names_another_key_for_it(scene: Joined) -> None:
    """Terms that the service forged make another group, with a statement that the custodian signs."""
    installation = scene.installation
    false = [named("north")[0], named("service")[0] | {"tenant": "south"}]
    statement = call_for(installation, scene.north.owner, members=false)
    with pytest.raises(KeyNotListed, match="south"):
        group_package(installation, statement, "south", random_records(), scene.south.upload_key)
    with pytest.raises(KeyNotListed):
        require_own_key(statement, "south", scene.south.upload_key)


def test_the_norm_check_under_a_groups_key_says_no_a_few_times_in_all(scene: Joined) -> None:
    """A new data set costs a member in league with the service nothing: failures are counted by key."""
    custodian = scene.installation.custodian
    for _ in range(MAX_FAILED_CHECKS_PER_KEY):
        assert not check_norms(custodian, _asked(scene)).passed
    with pytest.raises(CheckRefused, match="this collaboration's key"):
        check_norms(custodian, _asked(scene))
    assert custodian.journal.checks_failed_of_key(scene.id) == MAX_FAILED_CHECKS_PER_KEY
    alone = scene.installation.ready_dataset(scene.north.owner, tenant="north")  # under another key, as ever
    assert custodian.journal.checks_passed(alone.dataset_id) == alone.n_blocks


def _asked(scene: Joined) -> NormCheck:
    """A question about a new data set of south's whose answer is no."""
    message = invented(scene, scene.south.upload_key)
    descriptor = open_own_descriptor(message.envelope.model_dump_json().encode())
    register(scene.installation.custodian, message)
    blocks, plan = stored_blocks(scene.installation.context, scene.south.descriptor), norm_plan_for(descriptor)
    found = norm_check_ciphertexts(blocks.engine(), plan, blocks.features_and_slack(0), blocks.labels(0))
    norms, labels = as_text(found.labels), as_text(found.norms)
    return NormCheck(dataset_id=descriptor.dataset_id, block=0, norms=norms, labels=labels)


def test_a_withdrawal_does_not_pass_for_a_consent(scene: Joined) -> None:
    withdrawal = consent_to(scene.south.descriptor, "withdrawn", scene.south.upload_key)[1]
    with pytest.raises(InvalidConsent):
        handed_in(scene, scene.south, withdrawal, "joined")


def test_records_under_the_key_of_another_group_are_refused_by_the_norm_check(scene: Joined) -> None:
    """A public key of the attacker's own, in a data set that otherwise keeps to the terms."""
    installation, statement = scene.installation, scene.statement
    with generate_secret_key(statement.terms.parameters) as stranger:
        foreign = generate_public_key(statement.terms.parameters, stranger)
    directory = installation.home / "blobs" / scene.id
    (directory / statement.public_key.digest.removeprefix("sha256:")).write_bytes(foreign)
    package = group_package(installation, statement, "north", random_records(), scene.north.upload_key)
    assert upload(installation, scene.north.owner, package).startswith(NOT_NORMALISED)


def test_a_data_set_that_names_another_groups_statement_is_not_registered(scene: Joined) -> None:
    installation = scene.installation
    other = call_for(installation, scene.north.owner)
    mixed = other.model_copy(update={"collaboration_id": scene.id})
    wider = scene.statement.model_copy(update={"evaluation_keys": other.evaluation_keys})
    for statement in (mixed, wider):
        forged = Statement.model_validate(statement.model_dump())
        with installation.context.blobs.open(other.collaboration_id, other.public_key.digest) as stored:
            _put(installation.home / "blobs" / scene.id, other.public_key.digest, stored.read())
        package = group_package(installation, forged, "north", random_records(), scene.north.upload_key)
        with pytest.raises(InvalidDescriptor):
            installation.register(scene.north.owner, package, Path())


def _put(directory: Path, digest: str, data: bytes) -> None:
    (directory / digest.removeprefix("sha256:")).write_bytes(data)


def test_a_partners_ciphertexts_are_not_registered_as_ones_own(scene: Joined) -> None:
    """Trained on at the thief's cost, with the thief's consent: the victim's budget would not hold."""
    as_ones_own = {
        "dataset_id": new_id("ds"),
        "tenant": "north",
        "upload_key": scene.north.upload_key.public_key().public_bytes_raw().hex(),
    }
    stolen = parse_descriptor(rfc8785.dumps(scene.south.descriptor.model_dump(mode="json") | as_ones_own))
    envelope = json.loads(sign_descriptor(stolen, scene.north.upload_key))
    body = DatasetCreate(envelope=Envelope(**envelope), name="mine")
    with pytest.raises(InvalidDescriptor, match="another data set of the collaboration"):
        scene.installation.services.register_dataset(scene.north.owner, body, None)


def test_a_tenant_that_is_no_member_gets_no_data_set_in(scene: Joined) -> None:
    bank = scene.installation.caller("owner-bank", tenant="bank")
    with pytest.raises(InvalidDeclaration, match="tenant"):
        group_package(scene.installation, scene.statement, "bank", random_records(), upload_key_of("bank"))
    for read in (scene.installation.services.show_collaboration, scene.installation.services.show_statement):
        with pytest.raises(NotFound):
            read(bank, scene.id)
    with pytest.raises(NotFound):
        scene.installation.services.download_group_file(bank, scene.id, scene.statement.public_key.digest)


def test_a_statement_that_the_custodian_did_not_sign_is_not_believed(scene: Joined) -> None:
    keyring, pinned = scene.installation.custodian.keyring, scene.installation.services.public_keys()
    signed_by_another_key = keyring.sign(GRANTS, scene.statement.canonical, PAYLOAD_TYPE)
    signed_as_another_kind = keyring.sign("certificates", scene.statement.canonical, "application/json")
    for envelope in (signed_by_another_key, signed_as_another_kind):
        with pytest.raises(UntrustedService):
            open_statement(envelope, pinned)
