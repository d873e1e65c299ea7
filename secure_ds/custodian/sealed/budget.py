"""The custodian's own count of a sealed data set's budget, in Renyi units of 1e-12 at the orders its owner signed.

Everything that was ever charged in a data set's line counts: jobs on sealed records, and what an encrypted data set
released before its records were sealed.
"""

from collections.abc import Sequence

from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.sealed.journal import SealedJournal
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.privacy.renyi import RenyiBudget, RenyiLimit, gaussian_cost, open_budget


def renyi_limit(descriptor: SealedDescriptor) -> RenyiLimit:
    """What the owner signed, as a ledger counts it. Raises `PrivacyError`: nothing can be released under it."""
    limits = descriptor.limits
    return RenyiLimit(limits.epsilon, limits.delta, limits.orders)


def budget_of(context: CustodianContext, descriptor: SealedDescriptor) -> RenyiBudget:
    """Return limit and spend of a data set, by the custodian's journal alone."""
    return spent_by(context, context.journal.line(descriptor.dataset_id), renyi_limit(descriptor))


def budget_after(context: CustodianContext, parent: str, limit: RenyiLimit) -> RenyiBudget:
    """Return the budget that a data set with this limit begins with when it goes on after a parent.

    Raises:
        InvalidPrivacyParameter: what was spent leaves nothing within the limit.
    """
    return spent_by(context, context.journal.line(parent), limit)


def spent_by(context: CustodianContext, line: Sequence[str], limit: RenyiLimit) -> RenyiBudget:
    """Return the budget of a limit after everything charged to some data sets. Raises `InvalidPrivacyParameter`."""
    sealed = SealedJournal(context.journal).spent(line, len(limit.orders))
    encrypted = gaussian_cost(context.journal.units_spent(line), limit.orders)
    return open_budget(limit, tuple(one + other for one, other in zip(sealed, encrypted, strict=True)))
