"""The custodian makes a group's keys, keeps the secret one, and vouches for the rest."""

import base64
from pathlib import Path

import numpy as np
import pytest

from hsm.errors import BlobBroken
from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.key_files import check_key_file
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.custodian.errors import KeyUnknown, TermsRejected
from secure_ds.custodian.groups import create_group, held_group, unwrapped_group
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.data.collaboration import PAYLOAD_TYPE, parse_statement
from secure_ds.wire.custodian import GroupCreation
from tests.collaborating import Joined, joined, named


@pytest.fixture
def scene(tmp_path: Path) -> Joined:
    return joined(tmp_path)


def creation(scene: Joined, **changes: object) -> GroupCreation:
    asked = {
        "collaboration_id": new_id("collab"),
        "called_by": "north",
        "terms": scene.statement.terms.model_dump(mode="json"),
    }
    return GroupCreation.model_validate(asked | changes)


def test_every_file_is_the_one_that_the_signed_statement_names(scene: Joined) -> None:
    custodian, message = scene.installation.custodian, creation(scene)
    keys = create_group(custodian, message)
    payload = custodian.keyring.verify(CERTIFICATES, keys.envelope.model_dump_json().encode(), PAYLOAD_TYPE)
    statement = parse_statement(payload)
    assert (statement.collaboration_id, statement.called_by) == (message.collaboration_id, "north")
    assert statement.terms == scene.statement.terms
    files = [base64.b64decode(file) for file in keys.files]
    assert [digest_bytes(file) for file in files] == [reference.digest for reference in statement.files]
    for reference, data in zip(statement.evaluation_keys, files[1:], strict=True):
        check_key_file(reference.name, data, statement.terms.parameters)


def test_what_the_public_key_closes_opens_with_the_secret_one_of_the_group_and_no_other(scene: Joined) -> None:
    parameters, custodian = scene.statement.terms.parameters, scene.installation.custodian
    with scene.installation.context.blobs.open(scene.id, scene.statement.public_key.digest) as stored:
        public_key = stored.read()
    (block,) = encrypt_columns(parameters, public_key, np.array([[0.25], [-0.5]]), 2.0**30, 0)
    top = {"level": parameters.top_level, "scale": 2.0**30}
    with unwrapped_group(custodian, scene.id) as secret:
        slots = decrypt_slots(parameters, secret, block.data, **top)
    assert abs(slots[0] - 0.25) < 1e-4 and abs(slots[1] + 0.5) < 1e-4
    other = create_group(custodian, creation(scene))
    stranger = parse_statement(base64.b64decode(other.envelope.payload)).collaboration_id
    with unwrapped_group(custodian, stranger) as secret:
        assert abs(decrypt_slots(parameters, secret, block.data, **top)[0]) > 1


def test_terms_that_cannot_be_and_an_id_that_is_taken_are_refused(scene: Joined) -> None:
    terms = scene.statement.terms.model_dump(mode="json")
    for message in (
        creation(scene, collaboration_id=scene.id),
        creation(scene, called_by="bank"),
        creation(scene, terms=terms | {"members": named("south", "north")}),
        creation(scene, terms=terms | {"members": named("north")}),
        creation(scene, terms={}),
    ):
        with pytest.raises(TermsRejected):
            create_group(scene.installation.custodian, message)


def test_every_member_is_told(scene: Joined) -> None:
    for tenant in ("north", "south"):
        (told,) = scene.log(tenant, "key:found")
        assert (told["object_id"], told["details"]["statement"]) == (scene.id, scene.statement.digest)


def test_an_unknown_group_has_no_key(scene: Joined) -> None:
    with pytest.raises(KeyUnknown):
        held_group(scene.installation.custodian, new_id("collab"))


def test_a_secret_that_was_swapped_does_not_open(scene: Joined) -> None:
    """Each group's secret is bound to its own statement."""
    custodian = scene.installation.custodian
    other = create_group(custodian, creation(scene))
    group, _ = held_group(custodian, parse_statement(base64.b64decode(other.envelope.payload)).collaboration_id)
    swapped = f"ckks-group-secret-key/1/{scene.id}/{scene.statement.digest}".encode()
    with pytest.raises(BlobBroken):
        custodian.keyring.unwrap_secret(group.wrapped_secret, swapped)
