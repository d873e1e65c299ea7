"""Records that are sealed after they were used before: the new data set goes on with the budget of the old one.

The parent, encrypted or sealed, closes in the same transaction: its state is `rotated`, nothing more is trained on it.
What it spent is spent here, a Gaussian mu^2 as order * mu^2 / 2 at every order. The custodian does the same by its own
count (`secure_ds.custodian.sealed.registration`), and has checked owner, upload key, limits and unit.
"""

from policies.actions import Action
from policies.verdict import Decision
from secure_ds.core.principal import Caller
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.renyi import Cost, RenyiBudget, RenyiLimit, gaussian_cost, open_budget
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import InvalidDescriptor, StateConflict
from secure_ds.services.facts import dataset_facts
from secure_ds.services.gate import Subject, decide, record
from secure_ds.services.lookups import find_dataset
from secure_ds.store.rows import DatasetRow
from secure_ds.store.unit_of_work import UnitOfWork


def go_on_from_parent(
    context: ServiceContext, work: UnitOfWork, caller: Caller, descriptor: SealedDescriptor, limit: RenyiLimit
) -> RenyiBudget:
    """Return the budget that a sealed data set begins with; close its parent, if any. Raises as the check does."""
    budget, found = require_may_go_on(context, work, caller, descriptor, limit)
    if found is not None:
        parent, decision = found
        work.datasets.move(parent.id, DatasetState.ROTATED)
        subject, details = Subject(dataset_id=parent.id), {"successor": descriptor.dataset_id}
        record(work, caller, Action.DATASET_ROTATE, subject, decision, details=details)
    return budget


def require_may_go_on(
    context: ServiceContext, work: UnitOfWork, caller: Caller, descriptor: SealedDescriptor, limit: RenyiLimit
) -> tuple[RenyiBudget, tuple[DatasetRow, Decision] | None]:
    """Return the budget that a sealed data set would begin with, and its parent; nothing is changed.

    Ask before the custodian is told of the data set, for it closes the parent at once.

    Raises:
        NotFound, Denied: there is no such parent, or it is not the caller's, or not ready.
        InvalidDescriptor: the descriptor is about another parent, or counts at other orders than a sealed one.
        StateConflict: jobs are under way on the parent, or its budget is used up.
    """
    if descriptor.parent is None:
        return open_budget(limit), None
    parent = find_dataset(work, descriptor.parent.dataset_id)
    decision = decide(context, caller, Action.DATASET_ROTATE, dataset_facts(parent))
    if parent.descriptor_digest != descriptor.parent.descriptor_digest:
        raise InvalidDescriptor("the parent has another descriptor than this data set says", remedy="seal again")
    try:
        budget = open_budget(limit, _spent(work, parent, limit))
    except InvalidPrivacyParameter as error:
        raise StateConflict("the budget of these records is used up") from error
    return budget, (parent, decision)


def _spent(work: UnitOfWork, parent: DatasetRow, limit: RenyiLimit) -> Cost:
    if not parent.is_sealed:
        gaussian = work.ledger.budget(parent.id)
        _require_idle(gaussian.reserved_units)
        return gaussian_cost(gaussian.spent_units, limit.orders)
    renyi = work.renyi_ledger.budget(parent.id, lock=True)
    _require_idle(sum(renyi.reserved))
    if renyi.limit.orders != limit.orders:
        raise InvalidDescriptor("records that are sealed again are counted at the orders of the first time")
    return renyi.spent


def _require_idle(reserved: int) -> None:
    if reserved:
        raise StateConflict("jobs on the parent are under way", remedy="wait for them or cancel them, then seal again")
