"""A key is taken once, with the limits its owner signed, and only when the seal names exactly these limits' signer."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hsm.errors import BlobBroken
from secure_ds.ckks.keys import generate_secret_key
from secure_ds.ckks.profiles import FAST
from secure_ds.core.ids import new_id
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import KeyRejected, KeyUnknown
from secure_ds.custodian.held_keys import held_key, unwrapped
from secure_ds.custodian.journal import Registration
from secure_ds.custodian.registration import register
from secure_ds.wire.custodian import KeyRegistration
from secure_ds.wire.datasets import Envelope
from tests.custodian.offers import Offer, public_hex
from tests.prepared import Prepared

WIDER: dict[str, Any] = {
    "limits": {
        "epsilon": 99.0,
        "delta": 1e-2,
        "purposes": ["anything"],
        "max_decryptions": 2**20,
        "dual_evaluation_required": False,
    }
}


@pytest.fixture
def custodian(ready: Prepared) -> CustodianContext:
    return ready.installation.custodian


@pytest.fixture
def offer(custodian: CustodianContext) -> Offer:
    return Offer(custodian)


def nothing_was_kept(custodian: CustodianContext, offer: Offer) -> bool:
    return custodian.journal.registration(offer.dataset_id) is None and not custodian.journal.pending()


def test_a_registered_key_is_wrapped_and_comes_back(custodian: CustodianContext, offer: Offer) -> None:
    register(custodian, offer.message())
    registration, descriptor = held_key(custodian, offer.dataset_id)
    assert offer.secret not in registration.wrapped_secret
    assert descriptor.limits.epsilon == 1.0
    with unwrapped(custodian, registration) as secret:
        assert secret.to_bytes() == offer.secret


def test_a_wrapped_key_opens_for_its_own_data_set_only(custodian: CustodianContext) -> None:
    first, second = Offer(custodian), Offer(custodian)
    register(custodian, first.message())
    register(custodian, second.message())
    mine, theirs = custodian.journal.registration(first.dataset_id), custodian.journal.registration(second.dataset_id)
    assert mine is not None
    assert theirs is not None
    swapped: Registration = replace(theirs, wrapped_secret=mine.wrapped_secret)
    with pytest.raises(BlobBroken):
        unwrapped(custodian, swapped)


def other_dataset(offer: Offer) -> KeyRegistration:
    return offer.message(offer.seal(dataset_id=new_id("ds")))


def other_ring(offer: Offer) -> KeyRegistration:
    return offer.message(offer.seal(parameters_digest=FAST.parameters.digest))


def wider_limits_under_another_key(offer: Offer) -> KeyRegistration:
    """The service swaps the descriptor for one with wider limits, which it signs itself; the seal names the owner."""
    sealed_by_owner = offer.seal()
    offer.upload_key = Ed25519PrivateKey.generate()
    return offer.message(sealed_by_owner, **WIDER)


def another_signature(offer: Offer) -> KeyRegistration:
    """A descriptor that names the owner's upload key, signed by somebody else."""
    message = offer.message()
    payload = base64.b64decode(message.envelope.payload)
    wider = payload.replace(b'"epsilon":1', b'"epsilon":9')
    assert wider != payload
    envelope = message.envelope.model_copy(update={"payload": base64.b64encode(wider).decode()})
    return message.model_copy(update={"envelope": envelope})


def other_file_announced(offer: Offer) -> KeyRegistration:
    return offer.announcing("sha256:" + "0" * 64, offer.seal())


def changed_seal(offer: Offer) -> KeyRegistration:
    sealed = offer.seal()
    return offer.message(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def point_off_the_curve(offer: Offer) -> KeyRegistration:
    return offer.message(b"\x04" + bytes(64) + offer.seal()[65:])


def key_of_another_ring(offer: Offer) -> KeyRegistration:
    offer.secret = generate_secret_key(FAST.parameters).to_bytes()
    return offer.message()


def no_key_at_all(offer: Offer) -> KeyRegistration:
    offer.secret = b"not a key"
    return offer.message()


def not_a_descriptor(offer: Offer) -> KeyRegistration:
    message = offer.message()
    envelope = {**message.envelope.model_dump(), "payload": base64.b64encode(b"{}").decode()}
    return message.model_copy(update={"envelope": Envelope(**envelope)})


SEALS = [other_dataset, other_ring, changed_seal, point_off_the_curve, key_of_another_ring, no_key_at_all]
SIGNATURES = [another_signature, not_a_descriptor]
OTHERS = [wider_limits_under_another_key, other_file_announced]


@pytest.mark.parametrize("attack", [*SEALS, *SIGNATURES, *OTHERS], ids=lambda attack: attack.__name__)
def test_what_does_not_belong_together_is_refused_and_forgotten(
    custodian: CustodianContext, offer: Offer, attack: Callable[[Offer], KeyRegistration]
) -> None:
    with pytest.raises(KeyRejected):
        register(custodian, attack(offer))
    assert nothing_was_kept(custodian, offer)


def test_every_broken_seal_is_refused_in_the_same_words(custodian: CustodianContext) -> None:
    words = set()
    for attack in (*SEALS, wider_limits_under_another_key, other_file_announced):
        with pytest.raises(KeyRejected) as refused:
            register(custodian, attack(Offer(custodian)))
        words.add(str(refused.value))
    assert len(words) == 1


def test_the_same_message_again_changes_nothing(custodian: CustodianContext, offer: Offer) -> None:
    message = offer.message()
    register(custodian, message)
    first = custodian.journal.registration(offer.dataset_id)
    register(custodian, message)
    assert custodian.journal.registration(offer.dataset_id) == first


@pytest.mark.parametrize(
    "second",
    [lambda offer: offer.message(**WIDER), lambda offer: offer.message(owner="mallory")],
    ids=["other limits, signed by the owner", "another owner"],
)
def test_an_id_has_one_descriptor_and_one_owner(
    custodian: CustodianContext, offer: Offer, second: Callable[[Offer], KeyRegistration]
) -> None:
    register(custodian, offer.message())
    with pytest.raises(KeyRejected, match="registered with another"):
        register(custodian, second(offer))
    registration, descriptor = held_key(custodian, offer.dataset_id)
    assert (registration.owner, descriptor.limits.epsilon) == ("alice", 1.0)


def test_the_log_shows_who_signed(ready: Prepared, custodian: CustodianContext, offer: Offer) -> None:
    register(custodian, offer.message())
    with ready.installation.store.read() as work:
        recorded = work.audit.entry(work.audit.head().size - 1)
    draft = recorded.read().draft
    assert (draft.action, draft.dataset_id) == ("key:register", offer.dataset_id)
    assert draft.details["upload_key"] == public_hex(offer.upload_key)
    assert offer.secret.hex() not in json.dumps(dict(draft.details))


def test_a_key_nobody_registered_is_unknown(custodian: CustodianContext) -> None:
    with pytest.raises(KeyUnknown):
        held_key(custodian, new_id("ds"))
