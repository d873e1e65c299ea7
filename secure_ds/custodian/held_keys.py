"""Keys in custody: found, and opened for the length of a block."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from audit.entry import Outcome
from policies.actions import Action
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.custodian.context import CustodianContext, entry, log_now
from secure_ds.custodian.errors import KeyRotated, KeyUnknown
from secure_ds.custodian.groups import unwrapped_group
from secure_ds.custodian.journal import Registration
from secure_ds.data.descriptor import STATISTICS, DatasetDescriptor
from secure_ds.data.signed import open_own_descriptor


class Holding(NamedTuple):
    """A data set in custody: its key row, and the descriptor with the limits its owner signed."""

    registration: Registration
    descriptor: DatasetDescriptor


def held_key(context: CustodianContext, dataset_id: str) -> Holding:
    """Return a data set's key row and the limits its owner signed, verified again.

    Raises:
        KeyUnknown: there is none.
    """
    registration = context.journal.registration(dataset_id)
    if registration is None:
        raise KeyUnknown("the custodian holds no key for this data set")
    return Holding(registration, open_own_descriptor(registration.envelope))


def held_keys(context: CustodianContext, dataset_ids: Iterable[str]) -> tuple[Holding, ...]:
    """Return the holdings of a job's data sets, in the order of their ids. Raises `KeyUnknown`."""
    return tuple(held_key(context, dataset_id) for dataset_id in sorted(set(dataset_ids)))


def log_refused_use(
    context: CustodianContext, held: Holding, job_id: str | None, details: Mapping[str, object]
) -> None:
    """Tell the tenant of a data set in a job that the use of its key was refused."""
    refused = entry(
        Action.KEY_USE,
        held.registration.tenant,
        outcome=Outcome.DENIED,
        dataset_id=held.registration.dataset_id,
        job_id=job_id,
        details=details,
    )
    log_now(context, refused)


def unwrapped(context: CustodianContext, registration: Registration) -> SecretKey:
    """Return the secret key, for use in a `with` block that wipes it."""
    if registration.collaboration_id is not None:
        return unwrapped_group(context, registration.collaboration_id)
    return SecretKey.from_bytes(
        context.keyring.unwrap_secret(registration.wrapped_secret, wrapping_context(registration))
    )


def norms_passed(context: CustodianContext, descriptor: DatasetDescriptor) -> bool:
    """Say whether every block was found right; a successor has the files, and so the verdicts, of its line's first.

    Statistics have no norms that could be found right: they are taken at their owner's word.
    """
    if descriptor.content == STATISTICS:
        return True
    return context.journal.checks_passed(descriptor.files_of) == descriptor.n_blocks


def require_not_rotated(context: CustodianContext, holdings: Iterable[Holding]) -> None:
    """Refuse a key that has a successor.

    Raises:
        KeyRotated: it answers nothing more.
    """
    for held in holdings:
        if (successor := context.journal.successor(held.registration.dataset_id)) is not None:
            raise KeyRotated(f"the key of this data set was rotated; train on {successor}")


def wrapping_context(registration: Registration) -> bytes:
    """Return what a wrapped secret key is bound to."""
    return f"ckks-secret-key/1/{registration.dataset_id}/{registration.descriptor_digest}".encode()
