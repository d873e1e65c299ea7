"""Sealed data sets in custody: found, and their keys opened for as long as it takes to seal them to a trainer."""

from typing import NamedTuple

from policies.entities import KeySet
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import KeyRotated, KeyUnknown
from secure_ds.custodian.sealed.journal import SealedJournal, SealedRegistration
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.data.sealed.signed import open_own_sealed_descriptor


class SealedHolding(NamedTuple):
    """A sealed data set in custody: its key row, and the descriptor that its owner signed."""

    registration: SealedRegistration
    descriptor: SealedDescriptor


def held_sealed(context: CustodianContext, dataset_id: str) -> SealedHolding:
    """Return a data set's key row and the descriptor its owner signed, verified again.

    Raises:
        KeyUnknown: there is none.
    """
    registration = SealedJournal(context.journal).registration(dataset_id)
    if registration is None:
        raise KeyUnknown("the custodian holds no data key for this data set")
    return SealedHolding(registration, open_own_sealed_descriptor(registration.envelope))


def require_newest(context: CustodianContext, held: SealedHolding) -> None:
    """Refuse a data set whose budget another one took over.

    Raises:
        KeyRotated: its key is released no more.
    """
    if (successor := context.journal.successor(held.registration.dataset_id)) is not None:
        raise KeyRotated(f"these records were sealed again; train on {successor}")


def unwrapped_key(context: CustodianContext, registration: SealedRegistration) -> bytes:
    """Return the data key; never keep it, log it, or hand it on unsealed."""
    return context.keyring.unwrap_secret(registration.wrapped_key, wrapping_context(registration))


def wrapping_context(registration: SealedRegistration) -> bytes:
    """Return what a wrapped data key is bound to."""
    return f"sealed-data-key/1/{registration.dataset_id}/{registration.descriptor_digest}".encode()


def sealed_key_facts(held: SealedHolding) -> KeySet:
    """The facts that the third door puts before the policies, by the custodian's own records alone."""
    return KeySet(
        id=held.registration.dataset_id,
        tenant=held.registration.tenant,
        purposes=frozenset(held.descriptor.limits.purposes),
        state="ready",
        collaboration=None,
        partners=frozenset(),
    )
