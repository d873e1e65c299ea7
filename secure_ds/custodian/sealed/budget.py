"""The custodian's own count of a sealed data set's budget, in Renyi units of 1e-12 at the orders its owner signed.

Everything that was ever charged in a data set's line counts: jobs on sealed records, and what an encrypted data set
released before its records were sealed. A Gaussian spend of mu^2 is order * mu^2 / 2 at each order (Mironov 2017,
proposition 7).
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.sealed.journal import SealedJournal
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.privacy.renyi import RenyiBudget, RenyiLimit


def renyi_limit(descriptor: SealedDescriptor) -> RenyiLimit:
    """What the owner signed, as a ledger counts it. Raises `PrivacyError`: nothing can be released under it."""
    limits = descriptor.limits
    return RenyiLimit(limits.epsilon, limits.delta, limits.orders)


def budget_of(context: CustodianContext, descriptor: SealedDescriptor) -> RenyiBudget:
    """Return limit and spend of a data set, by the custodian's journal alone."""
    line, orders = context.journal.line(descriptor.dataset_id), descriptor.limits.orders
    sealed = SealedJournal(context.journal).spent(line, len(orders))
    encrypted = gaussian_cost(context.journal.units_spent(line), orders)
    spent = tuple(one + other for one, other in zip(sealed, encrypted, strict=True))
    return RenyiBudget(renyi_limit(descriptor), spent, (0,) * len(orders))


def gaussian_cost(units: int, orders: Sequence[float]) -> tuple[int, ...]:
    """Return what a spend in units of 1e-12 mu^2 costs at each order, exactly and rounded up."""
    return tuple(ceil(Fraction(order) * units / 2) for order in orders)
