"""Take the data key of a sealed data set into custody, together with what its owner signed.

The key was sealed to the HSM with an `info` that names data set, schema, unit, counts and upload key. So whoever sealed
it vouches for that upload key, and the limits it signs.

A data set that names a parent goes on with the parent's budget: from that moment on the parent's key answers nothing
more, and everything that was ever spent in the line counts. It takes the parent's own upload key, and no wider limits.
"""

import base64
import hmac
from dataclasses import replace

from hsm.errors import SealBroken
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import KeyRejected
from secure_ds.custodian.held_keys import held_key
from secure_ds.custodian.journal import Succession
from secure_ds.custodian.sealed.budget import budget_after, renyi_limit
from secure_ds.custodian.sealed.held import held_sealed, wrapping_context
from secure_ds.custodian.sealed.journal import SealedJournal, SealedRegistration, write_registration
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.errors import DataError
from secure_ds.data.sealed.descriptor import Parent, SealedDescriptor
from secure_ds.data.sealed.key import KEY_BYTES, data_key_info
from secure_ds.data.sealed.signed import open_own_sealed_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.wire.custodian import KeyRegistration, Registered


def register_sealed(context: CustodianContext, message: KeyRegistration) -> Registered:
    """Open the sealed data key once, wrap it under the tenant's key and write it down; the same again changes nothing.

    Raises:
        KeyRejected: signature, limits or seal do not hold, the data set has another key already, or it may not go on
            with the budget of the parent that its descriptor names.
        KeyUnknown: this custodian does not hold the parent's key.
    """
    envelope = message.envelope.model_dump_json().encode()
    descriptor = _open(envelope)
    known = SealedJournal(context.journal).registration(descriptor.dataset_id)
    if known is None:
        _take(context, message, envelope, descriptor)
    elif not hmac.compare_digest(known.descriptor_digest, descriptor.digest) or known.owner != message.owner:
        raise KeyRejected("this data set id is registered with another descriptor")
    deliver(context)
    return Registered(rotation_key=None)


def _open(envelope: bytes) -> SealedDescriptor:
    try:
        descriptor = open_own_sealed_descriptor(envelope)
        renyi_limit(descriptor)  # limits that nothing could ever be released under are refused now
    except (DataError, PrivacyError) as error:
        raise KeyRejected(str(error)) from error
    return descriptor


def _take(context: CustodianContext, message: KeyRegistration, envelope: bytes, descriptor: SealedDescriptor) -> None:
    if descriptor.parent is not None:
        _require_may_go_on(context, descriptor, descriptor.parent, message.owner)
    data_key = _unseal(context, message, descriptor)
    bare = SealedRegistration(
        dataset_id=descriptor.dataset_id,
        tenant=descriptor.tenant,
        owner=message.owner,
        descriptor_digest=descriptor.digest,
        envelope=envelope,
        wrapped_key=b"",
    )
    wrapped = context.keyring.wrap_secret(descriptor.tenant, data_key, wrapping_context(bare))
    event_id = f"key:register/{descriptor.dataset_id}"
    parent = {"parent": descriptor.parent.dataset_id} if descriptor.parent else {}
    draft = entry(
        "key:register",
        descriptor.tenant,
        dataset_id=descriptor.dataset_id,
        details={"descriptor": descriptor.digest, "upload_key": descriptor.upload_key, "kind": "sealed", **parent},
        event_id=event_id,
    )
    with context.journal.append() as page:
        write_registration(page, replace(bare, wrapped_key=wrapped))
        if descriptor.parent is not None:
            page.succeeded(Succession(descriptor.dataset_id, descriptor.parent.dataset_id, rotation_key=b""))
        page.announce(event_id, as_json(draft))


def _unseal(context: CustodianContext, message: KeyRegistration, descriptor: SealedDescriptor) -> bytes:
    """All failures look the same: nobody learns whether seal, binding or contents were wrong."""
    sealed = base64.b64decode(message.sealed_key or "")
    info = data_key_info(
        descriptor.dataset_id, descriptor.records, descriptor.n_rows, descriptor.n_units, descriptor.upload_key
    )
    try:
        if digest_bytes(sealed) != descriptor.sealed_key.digest:
            raise SealBroken
        data_key = context.keyring.open_sealed(sealed, info)
        if len(data_key) != KEY_BYTES:
            raise SealBroken
    except SealBroken:
        raise KeyRejected("the sealed data key cannot be opened for this data set") from None
    return data_key


def _require_may_go_on(context: CustodianContext, child: SealedDescriptor, named: Parent, owner: str) -> None:
    parent, registered_by = _parent(context, named)
    if (parent.tenant, registered_by) != (child.tenant, owner):
        raise KeyRejected("the parent is another owner's")
    if parent.digest != named.descriptor_digest or parent.upload_key != child.upload_key:
        raise KeyRejected("the parent has another descriptor or upload key than this data set says")
    if context.journal.successor(parent.dataset_id) is not None:
        raise KeyRejected("another data set has taken the parent's budget over already; name that one")
    if child.limits.epsilon > parent.limits.epsilon or child.limits.delta > parent.limits.delta:
        raise KeyRejected("the limits must be no wider than the parent's, whose budget they share")
    if not _same_unit(child, parent):
        raise KeyRejected("the privacy unit must be the parent's: what was spent protects no larger one")
    try:
        budget_after(context, parent.dataset_id, renyi_limit(child))
    except PrivacyError:
        raise KeyRejected("what was released before leaves nothing within these limits") from None


def _parent(context: CustodianContext, named: Parent) -> tuple[DatasetDescriptor | SealedDescriptor, str]:
    """Return the parent's descriptor, encrypted or sealed, and who registered it. Raises `KeyUnknown`."""
    if SealedJournal(context.journal).registration(named.dataset_id) is not None:
        sealed = held_sealed(context, named.dataset_id)
        return sealed.descriptor, sealed.registration.owner
    encrypted = held_key(context, named.dataset_id)
    if encrypted.registration.collaboration_id is not None:
        raise KeyRejected("a data set under the key of a collaboration cannot be a parent")
    return encrypted.descriptor, encrypted.registration.owner


def _same_unit(child: SealedDescriptor, parent: DatasetDescriptor | SealedDescriptor) -> bool:
    """Whether whatever the parent's line paid covers a unit of the child.

    An encrypted data set pays for persons with up to k records: that covers units of up to k rows.
    """
    if isinstance(parent, SealedDescriptor):
        return child.records.privacy_unit == parent.records.privacy_unit and child.limits.orders == parent.limits.orders
    return child.rows_per_unit <= parent.unit.records_per_person
