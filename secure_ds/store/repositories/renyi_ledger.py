"""The budgets of sealed data sets, durably: load the state under its lock, apply a rule of `privacy.renyi`, store it.

Rules:
    - The rules are `privacy.renyi`'s. A cost is a vector, one number for each order that the data set's owner signed.
    - Every change holds the lock of the data set's budget, so concurrent submitters are admitted one after the other.
    - `renyi_spends` is append-only: "job j has spent its first t steps". The totals in `renyi_budgets` are always the
      sums over it and over the open reservations, and what was inherited.
"""

from sqlalchemy import and_, func, insert, select, update

from secure_ds.privacy import renyi as rules
from secure_ds.privacy.renyi import RenyiBudget, RenyiLimit, RenyiReservation
from secure_ds.store.errors import NotFound
from secure_ds.store.repositories.base import Repository, add
from secure_ds.store.tables import renyi_budgets, renyi_reservations, renyi_spends


class RenyiLedger(Repository):
    """The Renyi budgets of all sealed data sets, what jobs reserved of them, and what was released."""

    def open(self, dataset_id: str, budget: RenyiBudget) -> None:
        """Give a sealed data set the budget that its owner signed, with what it inherits. Raises `AlreadyExists`."""
        limit = budget.limit
        values = {
            "dataset_id": dataset_id,
            "epsilon": limit.epsilon,
            "delta": limit.delta,
            "orders": limit.orders,
            "spent": budget.spent,
            "reserved": budget.reserved,
        }
        add(self._connection, renyi_budgets, values, f"the budget of {dataset_id}")

    def budget(self, dataset_id: str, *, lock: bool = False) -> RenyiBudget:
        """Return the state of a data set's budget, on request under its lock. Raises `NotFound`."""
        return self._load(dataset_id, lock)

    def reservation(self, dataset_id: str, job_id: str) -> RenyiReservation:
        """Return what a job reserved in a data set and has spent of it. Raises `NotFound`."""
        found = self._connection.execute(
            select(renyi_reservations).where(
                renyi_reservations.c.job_id == job_id, renyi_reservations.c.dataset_id == dataset_id
            )
        ).one_or_none()
        if found is None:
            raise NotFound(f"job {job_id} has reserved nothing of data set {dataset_id}")
        through = select(func.coalesce(func.max(renyi_spends.c.through), 0)).where(
            renyi_spends.c.job_id == job_id, renyi_spends.c.dataset_id == dataset_id
        )
        spent = int(self._connection.execute(through).scalar_one())
        return RenyiReservation(job_id, found.step_cost, found.steps, spent, settled=found.settled_at is not None)

    def reserve(self, dataset_id: str, job_id: str, step_cost: tuple[int, ...], steps: int) -> RenyiReservation:
        """Set the cost of a whole job aside.

        Raises:
            NotFound: the data set has no budget.
            RenyiBudgetExceeded: it does not fit at any order; the message says what would.
            AlreadyExists: the job has a reservation in the data set.
        """
        budget, reservation = rules.reserve(self._load(dataset_id), job_id, step_cost, steps)
        values = {
            "job_id": job_id,
            "dataset_id": dataset_id,
            "step_cost": step_cost,
            "steps": steps,
            "reserved_at": self._now,
        }
        add(self._connection, renyi_reservations, values, f"the reservation of {job_id} in {dataset_id}")
        self._store(dataset_id, budget)
        return reservation

    def spend_through(self, dataset_id: str, job_id: str, steps: int) -> RenyiReservation:
        """Spend a job's first `steps` steps before anything that depends on them is released; again changes nothing.

        Raises:
            NotFound: the data set has no budget, or the job no reservation in it.
            IllegalSpend: there are not so many steps, or the job is settled.
        """
        budget, before = self._load(dataset_id), self.reservation(dataset_id, job_id)
        budget, after = rules.spend_through(budget, before, steps)
        if after != before:
            row = {"job_id": job_id, "dataset_id": dataset_id, "through": after.spent_steps, "spent_at": self._now}
            self._connection.execute(insert(renyi_spends), row)
            self._store(dataset_id, budget)
        return after

    def settle(self, dataset_id: str, job_id: str) -> RenyiReservation:
        """End a job: what it reserved and never released goes back; again changes nothing. Raises `NotFound`."""
        budget, reservation = self._load(dataset_id), self.reservation(dataset_id, job_id)
        if reservation.settled:
            return reservation
        budget, settled = rules.settle(budget, reservation)
        self._store(dataset_id, budget)
        own = and_(renyi_reservations.c.job_id == job_id, renyi_reservations.c.dataset_id == dataset_id)
        self._connection.execute(update(renyi_reservations).where(own).values(settled_at=self._now))
        return settled

    def _load(self, dataset_id: str, lock: bool = True) -> RenyiBudget:
        query = select(renyi_budgets).where(renyi_budgets.c.dataset_id == dataset_id)
        found = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            raise NotFound(f"data set {dataset_id} has no budget for sealed training")
        return RenyiBudget(RenyiLimit(found.epsilon, found.delta, found.orders), found.spent, found.reserved)

    def _store(self, dataset_id: str, budget: RenyiBudget) -> None:
        own = renyi_budgets.c.dataset_id == dataset_id
        self._connection.execute(update(renyi_budgets).where(own).values(spent=budget.spent, reserved=budget.reserved))
