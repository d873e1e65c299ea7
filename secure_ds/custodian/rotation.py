"""Rotate a data set's key: take its successor's into custody, and let the old one answer nothing more.

Order of things, in one transaction of the journal: the successor's key, the rotation key that moves answers to it, and
with them the end of the parent. Whoever asks again gets the same rotation key.

The successor inherits the verdicts on its parent's blocks: they are the same files under the same first key, and the
rotation key is made here, from the very secret that the check decrypted with. It inherits everything spent as well.
"""

from secure_ds.ckks.keys import generate_rotation_key
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import KeyRejected
from secure_ds.custodian.held_keys import held_key, norms_passed, unwrapped
from secure_ds.custodian.journal import Succession
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.rotation import require_successor


def require_may_succeed(context: CustodianContext, descriptor: DatasetDescriptor, owner: str) -> None:
    """Refuse a data set that names a parent which does not allow for it.

    Raises:
        KeyUnknown: this custodian does not hold the parent's key.
        KeyRejected: the parent is another owner's, was not verified, has a successor, or the descriptors do not fit.
    """
    if descriptor.rotation is None:
        return
    held, parent = held_key(context, descriptor.rotation.parent)
    if (held.tenant, held.owner) != (descriptor.tenant, owner):
        raise KeyRejected("the data set to succeed is another owner's")
    if context.journal.successor(parent.dataset_id) is not None:
        raise KeyRejected("the key of this data set was rotated already; rotate its successor's")
    if not norms_passed(context, parent):
        raise KeyRejected("a data set that has not passed the norm check has no key to rotate")
    try:
        require_successor(descriptor, parent)
    except InvalidDescriptor as error:
        raise KeyRejected(str(error)) from error


def succession(context: CustodianContext, descriptor: DatasetDescriptor, secret: bytes) -> Succession | None:
    """Make the rotation key, from the key of the files to the successor's; None for a data set that succeeds none."""
    if descriptor.rotation is None:
        return None
    files, _ = held_key(context, descriptor.files_of)
    with unwrapped(context, files) as old, SecretKey.from_bytes(secret) as new:
        key = generate_rotation_key(descriptor.parameters.tail, old, new)
    return Succession(descriptor.dataset_id, descriptor.rotation.parent, key)
