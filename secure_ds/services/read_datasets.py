"""Read about data sets: the list, one of them, its budget."""

from collections.abc import Sequence

from policies.actions import Action
from policies.enforcement import filter_allowed
from policies.entities import Tenant
from policies.request import Request
from policies.vocabulary import Door
from secure_ds.core.principal import Caller
from secure_ds.data.signed import open_own_descriptor
from secure_ds.privacy.gdp import ACCOUNTANT, UNITS_PER_MU_SQUARED
from secure_ds.privacy.mechanism import NEIGHBOURS
from secure_ds.services.context import ServiceContext
from secure_ds.services.facts import dataset_facts, user_facts
from secure_ds.services.gate import Subject, permit, verb
from secure_ds.services.lookups import find_dataset, page
from secure_ds.services.sealed.budget import sealed_budget_view
from secure_ds.services.views import dataset_view
from secure_ds.store.rows import DatasetSummary
from secure_ds.training.encrypted.flooding import promised_bits
from secure_ds.wire.base import Page
from secure_ds.wire.datasets import BudgetView, DatasetView, Envelope


@verb(Action.DATASET_LIST)
def list_datasets(
    context: ServiceContext, caller: Caller, cursor: str | None = None, limit: int = 50
) -> Page[DatasetView]:
    """Return the data sets that the caller may read, newest first."""
    tenant = caller.principal.tenant
    user = user_facts(caller.principal)
    with context.store.write() as work:
        permit(context, work, caller, Action.DATASET_LIST, Tenant(id=tenant), Subject())
    with context.store.read() as work:

        def may_see(rows: Sequence[DatasetSummary]) -> Sequence[DatasetSummary]:
            def question(row: DatasetSummary) -> Request:
                return Request(user, Action.DATASET_READ, dataset_facts(row))

            return filter_allowed(context.policy, Door.HTTP, rows, question)

        return page(
            lambda after: work.datasets.list(tenant, after, limit + 1),
            may_see,
            lambda row: dataset_view(work, row),
            cursor,
            limit,
        )


@verb(Action.DATASET_READ)
def show_dataset(context: ServiceContext, caller: Caller, dataset_id: str) -> DatasetView:
    """Return one data set."""
    with context.store.write() as work:
        row = find_dataset(work, dataset_id)
        permit(context, work, caller, Action.DATASET_READ, dataset_facts(row), Subject(dataset_id=row.id))
        return dataset_view(work, row)


@verb(Action.DATASET_READ)
def show_descriptor(context: ServiceContext, caller: Caller, dataset_id: str) -> Envelope:
    """Return the descriptor as its owner signed it."""
    with context.store.write() as work:
        row = find_dataset(work, dataset_id)
        subject = Subject(dataset_id=row.id)
        permit(context, work, caller, Action.DATASET_READ, dataset_facts(row), subject, descriptor=True)
        return Envelope.model_validate_json(row.envelope)


@verb(Action.DATASET_READ_BUDGET)
def show_budget(context: ServiceContext, caller: Caller, dataset_id: str) -> BudgetView:
    """Return what a data set has spent and may still release, at the delta its owner signed."""
    with context.store.write() as work:
        row = find_dataset(work, dataset_id)
        permit(context, work, caller, Action.DATASET_READ_BUDGET, dataset_facts(row), Subject(dataset_id=row.id))
        if row.is_sealed:
            return sealed_budget_view(row.id, work.renyi_ledger.budget(row.id))
        budget = work.ledger.budget(row.id)
    decryptions = context.custody.decryptions(row.id)
    limit = budget.limit
    return BudgetView(
        dataset_id=row.id,
        delta=limit.delta,
        epsilon_limit=limit.epsilon,
        epsilon_spent=limit.epsilon_of(budget.spent_units),
        epsilon_reserved=limit.epsilon_of(budget.reserved_units),
        epsilon_left=budget.largest_epsilon,
        mu_squared_limit=limit.units / UNITS_PER_MU_SQUARED,
        mu_squared_spent=budget.spent_units / UNITS_PER_MU_SQUARED,
        mu_squared_reserved=budget.reserved_units / UNITS_PER_MU_SQUARED,
        neighbours=NEIGHBOURS,
        accountant=ACCOUNTANT,
        decryptions_used=decryptions.used,
        decryptions_limit=decryptions.limit,
        statistical_bits=promised_bits(open_own_descriptor(row.envelope).parameters),
        tau=limit.releases,
        decryptions_prior=decryptions.prior,
    )
