"""The budget of a sealed data set, as a view; and what a job asks of it, as policies see it."""

from secure_ds.privacy.mechanism import NEIGHBOURS
from secure_ds.privacy.renyi import ACCOUNTANT, UNITS_PER_RDP, RenyiBudget
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.datasets import BudgetView, RenyiBudgetView


def sealed_budget_view(dataset_id: str, budget: RenyiBudget) -> BudgetView:
    """Return what a sealed data set has spent and may still release, at the delta its owner signed."""
    limit = budget.limit

    def numbers(units: tuple[int, ...]) -> list[float]:
        return [unit / UNITS_PER_RDP for unit in units]

    return BudgetView(
        dataset_id=dataset_id,
        delta=limit.delta,
        epsilon_limit=limit.epsilon,
        epsilon_spent=limit.epsilon_of(budget.spent),
        epsilon_reserved=limit.epsilon_of(budget.reserved),
        epsilon_left=budget.epsilon_left,
        renyi=RenyiBudgetView(
            orders=list(limit.orders),
            capacity=numbers(limit.capacity),
            spent=numbers(budget.spent),
            reserved=numbers(budget.reserved),
        ),
        neighbours=NEIGHBOURS,
        accountant=ACCOUNTANT,
    )


def epsilon_asked(before: RenyiBudget, plan: DpPlan) -> float:
    """Return by how much a job would raise the epsilon of everything ever released and reserved."""
    limit = before.limit
    held = tuple(spent + reserved for spent, reserved in zip(before.spent, before.reserved, strict=True))
    with_job = tuple(cost + plan.steps * step for cost, step in zip(held, plan.step_cost, strict=True))
    return limit.epsilon_of(with_job) - limit.epsilon_of(held)
