"""A data key is taken once, with what its owner signed, and only when the seal names exactly this signer and schema."""

import base64
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hsm.errors import BlobBroken
from secure_ds.core.ids import new_id
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import KeyRejected, KeyRotated, KeyUnknown
from secure_ds.custodian.held_keys import held_keys, require_not_rotated
from secure_ds.custodian.registration import register
from secure_ds.custodian.sealed.held import held_sealed, unwrapped_key
from secure_ds.custodian.sealed.journal import SealedJournal
from secure_ds.custodian.sealed.registration import register_sealed
from secure_ds.wire.custodian import KeyRegistration
from tests.custodian.offers import Offer
from tests.custodian.sealed.offers import SealedOffer
from tests.data.sealed.descriptors import ORDERS, SCHEMA

ONE_REFUSAL = "the sealed data key cannot be opened for this data set"
WIDER = {"limits": {"epsilon": 99.0, "delta": 1e-2, "purposes": ["anything"], "orders": ORDERS}}


@pytest.fixture
def offer(custodian: CustodianContext) -> SealedOffer:
    return SealedOffer(custodian)


def nothing_was_kept(custodian: CustodianContext, offer: SealedOffer) -> bool:
    return SealedJournal(custodian.journal).registration(offer.dataset_id) is None and not custodian.journal.pending()


def test_a_registered_key_is_wrapped_and_comes_back(custodian: CustodianContext, offer: SealedOffer) -> None:
    register_sealed(custodian, offer.message())
    held = held_sealed(custodian, offer.dataset_id)
    assert offer.data_key not in held.registration.wrapped_key
    assert held.descriptor.limits.epsilon == 4.0
    assert unwrapped_key(custodian, held.registration) == offer.data_key


def test_a_wrapped_key_opens_for_its_own_data_set_only(custodian: CustodianContext) -> None:
    first, second = SealedOffer(custodian), SealedOffer(custodian)
    register_sealed(custodian, first.message())
    register_sealed(custodian, second.message())
    mine, theirs = (held_sealed(custodian, offer.dataset_id).registration for offer in (first, second))
    with pytest.raises(BlobBroken):
        unwrapped_key(custodian, replace(theirs, wrapped_key=mine.wrapped_key))


def test_repeating_changes_nothing_and_another_descriptor_is_refused(
    custodian: CustodianContext, offer: SealedOffer
) -> None:
    message = offer.message()
    register_sealed(custodian, message)
    register_sealed(custodian, message)
    assert not custodian.journal.pending()
    with pytest.raises(KeyRejected, match="another descriptor"):
        register_sealed(custodian, offer.message(**WIDER))
    with pytest.raises(KeyRejected, match="another descriptor"):
        register_sealed(custodian, message.model_copy(update={"owner": "mallory"}))


def other_dataset(offer: SealedOffer) -> KeyRegistration:
    return offer.message(offer.seal(offer.descriptor(dataset_id=new_id("ds"))))


def other_schema(offer: SealedOffer) -> KeyRegistration:
    schema = copy.deepcopy(SCHEMA)
    schema["columns"][0]["high"] = 50.0  # type: ignore[index]
    return offer.message(offer.seal(offer.descriptor(records=schema)))


def other_unit(offer: SealedOffer) -> KeyRegistration:
    """The owner sealed for users; the service would have every row be a person."""
    return offer.message(
        offer.seal(offer.descriptor()), records=SCHEMA | {"privacy_unit": {"kind": "record"}}, n_units=10
    )


def other_number_of_units(offer: SealedOffer) -> KeyRegistration:
    return offer.message(offer.seal(offer.descriptor(n_units=5)))


def wider_limits_under_another_key(offer: SealedOffer) -> KeyRegistration:
    """The service swaps the descriptor for one with wider limits, which it signs itself; the seal names the owner."""
    sealed_by_owner = offer.seal(offer.descriptor())
    offer.upload_key = Ed25519PrivateKey.generate()
    return offer.message(sealed_by_owner, **WIDER)


def changed_seal(offer: SealedOffer) -> KeyRegistration:
    sealed = offer.seal(offer.descriptor())
    return offer.message(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def point_off_the_curve(offer: SealedOffer) -> KeyRegistration:
    return offer.message(b"\x04" + bytes(64) + offer.seal(offer.descriptor())[65:])


def key_of_another_length(offer: SealedOffer) -> KeyRegistration:
    offer.data_key = bytes(16)
    return offer.message()


def other_file_announced(offer: SealedOffer) -> KeyRegistration:
    return offer.message(sealed_key={"digest": "sha256:" + "0" * 64, "bytes": 113})


def no_key(offer: SealedOffer) -> KeyRegistration:
    return offer.message().model_copy(update={"sealed_key": None})


@pytest.mark.parametrize(
    "attack",
    [
        other_dataset,
        other_schema,
        other_unit,
        other_number_of_units,
        wider_limits_under_another_key,
        changed_seal,
        point_off_the_curve,
        key_of_another_length,
        other_file_announced,
        no_key,
    ],
)
def test_every_wrong_seal_is_refused_alike(
    custodian: CustodianContext, offer: SealedOffer, attack: Callable[[SealedOffer], KeyRegistration]
) -> None:
    message = attack(offer)
    with pytest.raises(KeyRejected) as refused:
        register_sealed(custodian, message)
    assert str(refused.value) == ONE_REFUSAL
    assert nothing_was_kept(custodian, offer)


def test_a_changed_descriptor_is_refused(custodian: CustodianContext, offer: SealedOffer) -> None:
    message = offer.message()
    payload = base64.b64decode(message.envelope.payload)
    wider = payload.replace(b'"epsilon":4', b'"epsilon":9')
    assert wider != payload
    envelope = message.envelope.model_copy(update={"payload": base64.b64encode(wider).decode()})
    with pytest.raises(KeyRejected):
        register_sealed(custodian, message.model_copy(update={"envelope": envelope}))
    assert nothing_was_kept(custodian, offer)


def test_a_descriptor_of_the_other_kind_is_refused_by_each(custodian: CustodianContext, offer: SealedOffer) -> None:
    with pytest.raises(KeyRejected):
        register_sealed(custodian, Offer(custodian).message())
    with pytest.raises(KeyRejected):
        register(custodian, offer.message())


def test_limits_under_which_nothing_can_be_released_are_refused(
    custodian: CustodianContext, offer: SealedOffer
) -> None:
    limits = {"epsilon": 0.001, "delta": 1e-9, "purposes": ["research"], "orders": [1.5]}
    with pytest.raises(KeyRejected):
        register_sealed(custodian, offer.message(limits=limits))


def child_of(offer: SealedOffer, **changes: Any) -> tuple[SealedOffer, dict[str, Any]]:
    digest = held_sealed(offer.custodian, offer.dataset_id).descriptor.digest
    named = {"dataset_id": offer.dataset_id, "descriptor_digest": digest}
    return SealedOffer(offer.custodian, upload_key=offer.upload_key), {"parent": named} | changes


def test_a_child_ends_its_parent(custodian: CustodianContext, offer: SealedOffer) -> None:
    register_sealed(custodian, offer.message())
    child, fields = child_of(offer)
    register_sealed(custodian, child.message(**fields))
    assert custodian.journal.successor(offer.dataset_id) == child.dataset_id
    assert custodian.journal.line(child.dataset_id) == [child.dataset_id, offer.dataset_id]
    twin, _ = child_of(offer)
    with pytest.raises(KeyRejected, match="already"):
        register_sealed(custodian, twin.message(**fields))


@pytest.mark.parametrize(
    ("changes", "owner", "said"),
    [
        (WIDER, "alice", "no wider"),
        ({"records": SCHEMA | {"privacy_unit": {"kind": "record"}}, "n_units": 10}, "alice", "privacy unit"),
        ({"parent": {"dataset_id": "ds_" + "b" * 26, "descriptor_digest": "sha256:" + "0" * 64}}, "alice", "holds no"),
        ({}, "bob", "another owner"),
    ],
)
def test_a_child_that_would_widen_its_parents_budget_is_refused(
    custodian: CustodianContext, offer: SealedOffer, changes: dict[str, Any], owner: str, said: str
) -> None:
    register_sealed(custodian, offer.message())
    child, fields = child_of(offer, **changes)
    with pytest.raises((KeyRejected, KeyUnknown), match=said):
        register_sealed(custodian, child.message(owner=owner, **fields))
    assert custodian.journal.successor(offer.dataset_id) is None


def child_of_encrypted(parent: Offer, **changes: Any) -> tuple[SealedOffer, dict[str, Any]]:
    """The parent's records, sealed; it paid for persons with one record each."""
    registration = parent.custodian.journal.registration(parent.dataset_id)
    assert registration is not None
    fields = {
        "parent": {"dataset_id": parent.dataset_id, "descriptor_digest": registration.descriptor_digest},
        "limits": {"epsilon": 1.0, "delta": 1e-5, "purposes": ["research"], "orders": ORDERS},
        "records": SCHEMA | {"privacy_unit": {"kind": "record"}},
        "n_units": 10,
    }
    return SealedOffer(parent.custodian, upload_key=parent.upload_key), fields | changes


def test_an_encrypted_parent_ends_when_its_records_are_sealed(custodian: CustodianContext) -> None:
    parent = Offer(custodian)
    register(custodian, parent.message())
    child, fields = child_of_encrypted(parent)
    with pytest.raises(KeyRejected, match="privacy unit"):
        register_sealed(custodian, child.message(**fields | {"records": SCHEMA, "n_units": 4}))
    register_sealed(custodian, child.message(**fields))
    assert custodian.journal.successor(parent.dataset_id) == child.dataset_id
    holding = held_keys(custodian, [parent.dataset_id])
    with pytest.raises(KeyRotated):
        require_not_rotated(custodian, holding)
