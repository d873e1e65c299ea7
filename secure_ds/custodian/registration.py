"""Take a data set's secret key into custody, together with the limits its owner signed.

The secret was sealed to the HSM with an `info` that names data set, ring and upload key. So whoever sealed it vouches
for that upload key, and the limits it signs: a service that swaps the descriptor for one with wider limits would need
the secret key to seal it again.

A data set under the key of a collaboration brings no secret, so no seal vouches for its upload key. The terms that this
custodian signed do: they name the key of every member, and a descriptor signed with any other is nobody's. That its
ciphertexts really are under the group's key is for the norm check to find out.
"""

import base64
import hmac
from dataclasses import replace

from hsm.errors import SealBroken
from secure_ds.ckks.errors import DecryptionFailed
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import KeyRejected
from secure_ds.custodian.groups import held_group
from secure_ds.custodian.held_keys import wrapping_context
from secure_ds.custodian.journal import Registration, Succession
from secure_ds.custodian.rotation import require_may_succeed, succession
from secure_ds.data.collaboration import require_fits
from secure_ds.data.descriptor import DatasetDescriptor, FileReference, GroupReference
from secure_ds.data.errors import DataError
from secure_ds.data.sealing import sealing_info
from secure_ds.data.signed import open_own_descriptor
from secure_ds.wire.custodian import KeyRegistration


def register(context: CustodianContext, message: KeyRegistration) -> bytes | None:
    """Open the sealed key once, wrap it under the tenant's key and write it down; or take in a data set of a group.

    Returns:
        The rotation key, when the data set succeeds another one.

    Raises:
        KeyRejected: signature, limits or seal do not hold, the data set has another key already, or it may not succeed
            the one that its descriptor names.
        KeyUnknown: it succeeds a data set whose key is not here, or is under a key that this custodian did not make.
    """
    envelope = message.envelope.model_dump_json().encode()
    descriptor = _open(envelope)
    known = context.journal.registration(descriptor.dataset_id)
    if known is None:
        _take(context, message, envelope, descriptor)
    elif not hmac.compare_digest(known.descriptor_digest, descriptor.digest) or known.owner != message.owner:
        raise KeyRejected("this data set id is registered with another descriptor")
    deliver(context)
    return context.journal.rotation_key(descriptor.dataset_id)


def _open(envelope: bytes) -> DatasetDescriptor:
    try:
        return open_own_descriptor(envelope)
    except DataError as error:
        raise KeyRejected(str(error)) from error


def _take(context: CustodianContext, message: KeyRegistration, envelope: bytes, descriptor: DatasetDescriptor) -> None:
    require_may_succeed(context, descriptor, message.owner)
    registration = Registration(
        dataset_id=descriptor.dataset_id,
        tenant=descriptor.tenant,
        owner=message.owner,
        descriptor_digest=descriptor.digest,
        envelope=envelope,
        wrapped_secret=b"",
        collaboration_id=descriptor.group.collaboration_id if descriptor.group else None,
    )
    followed: Succession | None = None
    if descriptor.group is not None:
        _require_terms(context, message, descriptor, descriptor.group)
    elif descriptor.sealed_key is not None:
        secret = _unseal(context, message, descriptor, descriptor.sealed_key)
        wrapped = context.keyring.wrap_secret(descriptor.tenant, secret, wrapping_context(registration))
        registration = replace(registration, wrapped_secret=wrapped)
        followed = succession(context, descriptor, secret)
    event_id = f"key:register/{descriptor.dataset_id}"
    draft = entry(
        "key:register",
        descriptor.tenant,
        dataset_id=descriptor.dataset_id,
        details={
            "descriptor": descriptor.digest,
            "upload_key": descriptor.upload_key,
            **({"parent": followed.parent, "rotation_key": digest_bytes(followed.rotation_key)} if followed else {}),
        },
        event_id=event_id,
    )
    with context.journal.append() as page:
        page.registered(registration)
        if followed is not None:
            page.succeeded(followed)
        page.announce(event_id, as_json(draft))


def _require_terms(
    context: CustodianContext, message: KeyRegistration, descriptor: DatasetDescriptor, group: GroupReference
) -> None:
    if message.sealed_key is not None:
        raise KeyRejected("a data set under the key of a collaboration brings no key of its own")
    try:
        require_fits(held_group(context, group.collaboration_id)[1], descriptor)
    except DataError as error:
        raise KeyRejected(str(error)) from error
    _require_own_files(context, descriptor, group)


def _require_own_files(context: CustodianContext, descriptor: DatasetDescriptor, group: GroupReference) -> None:
    """Refuse ciphertexts that another data set of the group lists already: a thief could have them trained on at the
    thief's own cost. A copy that was changed on the way is not found (see the threat model)."""
    own = {block.digest for block in descriptor.blocks}
    for other in context.journal.registrations_of(group.collaboration_id):
        if not own.isdisjoint(block.digest for block in open_own_descriptor(other.envelope).blocks):
            raise KeyRejected("another data set of the collaboration has some of these ciphertexts")


def _unseal(
    context: CustodianContext, message: KeyRegistration, descriptor: DatasetDescriptor, announced: FileReference
) -> bytes:
    """All failures look the same: nobody learns whether seal, binding or contents were wrong."""
    sealed = base64.b64decode(message.sealed_key or "")
    info = sealing_info(descriptor.dataset_id, descriptor.parameters.digest, descriptor.upload_key)
    try:
        if digest_bytes(sealed) != announced.digest:
            raise SealBroken
        secret = context.keyring.open_sealed(sealed, info)
        with SecretKey.from_bytes(secret) as key:
            if key.degree != descriptor.parameters.poly_modulus_degree:
                raise DecryptionFailed
    except (SealBroken, DecryptionFailed):
        raise KeyRejected("the sealed secret key cannot be opened for this data set") from None
    return secret
