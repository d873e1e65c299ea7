"""Keys in custody: found, described to the policies, opened for the length of a block."""

from policies.entities import KeySet
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import KeyRotated, KeyUnknown
from secure_ds.custodian.journal import Registration
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.signed import open_own_descriptor


def held_key(context: CustodianContext, dataset_id: str) -> tuple[Registration, DatasetDescriptor]:
    """Return a data set's key row and the limits its owner signed, verified again.

    Raises:
        KeyUnknown: there is none.
    """
    registration = context.journal.registration(dataset_id)
    if registration is None:
        raise KeyUnknown("the custodian holds no key for this data set")
    return registration, open_own_descriptor(registration.envelope)


def unwrapped(context: CustodianContext, registration: Registration) -> SecretKey:
    """Return the secret key, for use in a `with` block that wipes it."""
    return SecretKey.from_bytes(
        context.keyring.unwrap_secret(registration.wrapped_secret, wrapping_context(registration))
    )


def key_facts(context: CustodianContext, registration: Registration, descriptor: DatasetDescriptor) -> KeySet:
    """The key as the policies see it; its state is by the custodian's own count of passed checks."""
    return KeySet(
        id=registration.dataset_id,
        tenant=registration.tenant,
        purposes=frozenset(descriptor.limits.purposes),
        state="ready" if norms_passed(context, descriptor) else "checking",
    )


def norms_passed(context: CustodianContext, descriptor: DatasetDescriptor) -> bool:
    """Say whether every block was found right; a successor has the files, and so the verdicts, of its line's first."""
    return context.journal.checks_passed(descriptor.files_of) == descriptor.n_blocks


def require_not_rotated(context: CustodianContext, dataset_id: str) -> None:
    """Refuse a key that has a successor.

    Raises:
        KeyRotated: it answers nothing more.
    """
    if (successor := context.journal.successor(dataset_id)) is not None:
        raise KeyRotated(f"the key of this data set was rotated; train on {successor}")


def wrapping_context(registration: Registration) -> bytes:
    """Return what a wrapped secret key is bound to."""
    return f"ckks-secret-key/1/{registration.dataset_id}/{registration.descriptor_digest}".encode()
