"""The privacy budgets, durably: load the state under its row lock, apply one pure rule of `privacy.ledger`, store it.

Rules:
    - The rules are `privacy.ledger`'s, and the database repeats the limits as constraints.
    - Every change holds the lock of the data set's budget, so concurrent submitters are admitted one after the other.
    - A job on several data sets reserves and spends in each of them. Take them in the order of their ids: then two such
      jobs do not wait for each other in a ring.
    - `spends` is append-only. The totals in `budgets` are always the sums over it and over the open reservations,
      and what a successor inherited.
"""

from sqlalchemy import and_, insert, select, update

from secure_ds.privacy import ledger as rules
from secure_ds.privacy.ledger import Budget, Limit, Reservation
from secure_ds.store.errors import NotFound
from secure_ds.store.repositories.base import Repository, add, columns_of, values_of
from secure_ds.store.rows import SpendRow
from secure_ds.store.tables import budgets, reservations, spends


class Ledger(Repository):
    """The budgets of all data sets, what jobs reserved of them, and what was released."""

    def open(self, dataset_id: str, limit: Limit, inherited: Budget | None = None) -> None:
        """Give a data set the budget that its owner signed.

        Args:
            dataset_id: the data set.
            limit: what the owner signed; of a successor, for all keys of its line.
            inherited: the budget of the data set that it succeeds, which has nothing reserved any more. Everything
                spent there is spent here, and all decryptions it was allowed count as made.

        Raises:
            AlreadyExists: it has a budget.
            InvalidPrivacyParameter: what was spent leaves nothing.
        """
        budget = Budget(limit) if inherited is None else rules.inherit(inherited, limit)
        values = {
            "dataset_id": dataset_id,
            "epsilon": limit.epsilon,
            "delta": limit.delta,
            "releases": limit.releases,
            "coordinates": limit.coordinates,
            "limit_units": limit.units,
        }
        add(self._connection, budgets, values | _totals(budget), f"the budget of {dataset_id}")

    def budget(self, dataset_id: str) -> Budget:
        """Return the state of a data set's budget. Raises `NotFound`."""
        return self._load_budget(dataset_id, lock=False)

    def reservation(self, dataset_id: str, job_id: str) -> Reservation:
        """Return what a job reserved in a data set and has spent of it. Raises `NotFound`."""
        own = and_(reservations.c.job_id == job_id, reservations.c.dataset_id == dataset_id)
        found = self._connection.execute(
            select(reservations.c.charges, reservations.c.settled_at).where(own)
        ).one_or_none()
        if found is None:
            raise NotFound(f"job {job_id} has reserved nothing of data set {dataset_id}")
        taken = and_(spends.c.job_id == job_id, spends.c.dataset_id == dataset_id)
        digests = select(spends.c.digest).where(taken).order_by(spends.c.step)
        spent = tuple(self._connection.execute(digests).scalars())
        return Reservation(job_id, found.charges, spent, settled=found.settled_at is not None)

    def reserve(self, dataset_id: str, job_id: str, charges: tuple[int, ...]) -> Reservation:
        """Set the cost of each step of a job aside, in units of 1e-12 mu^2.

        Raises:
            NotFound: the data set has no budget.
            BudgetExceeded: it does not fit; the message says what would.
            ReleasesExceeded: too few decryptions are left for so many steps.
            AlreadyExists: the job has a reservation in the data set.
        """
        budget, reservation = rules.reserve(self._load_budget(dataset_id), job_id, charges)
        values = {"job_id": job_id, "dataset_id": dataset_id, "charges": charges, "reserved_at": self._now}
        add(self._connection, reservations, values, f"the reservation of {job_id} in {dataset_id}")
        self._store_budget(dataset_id, budget)
        return reservation

    def spend(self, dataset_id: str, job_id: str, step: int, digest: str) -> SpendRow:
        """Spend a step for the ciphertext `digest`; asking again for the same returns what was recorded.

        Raises:
            NotFound: the data set has no budget, or the job no reservation in it.
            StepConflict: the step was spent for another ciphertext.
            IllegalSpend: it is not the job's next step, or the job is settled.
        """
        budget = self._load_budget(dataset_id)
        reservation = self.reservation(dataset_id, job_id)
        spent_budget, spent = rules.spend(budget, reservation, step, digest)
        if spent == reservation:
            return self._spend_row(dataset_id, job_id, step)
        row = SpendRow(dataset_id, job_id, step, spent.charges[step], digest, self._now)
        self._connection.execute(insert(spends), values_of(row))
        self._store_budget(dataset_id, spent_budget)
        return row

    def settle(self, job_id: str) -> dict[str, Reservation]:
        """End a job: what it reserved and never released goes back to each data set; again changes nothing.

        Returns:
            The reservation as it is then, by data set.

        Raises:
            NotFound: it has reserved nothing.
        """
        query = select(reservations.c.dataset_id).where(reservations.c.job_id == job_id)
        taken = list(self._connection.execute(query.order_by(reservations.c.dataset_id)).scalars())
        if not taken:
            raise NotFound(f"job {job_id} has reserved nothing")
        return {dataset_id: self._settle(dataset_id, job_id) for dataset_id in taken}

    def spends(self, dataset_id: str) -> list[SpendRow]:
        """Return everything ever spent on a data set, in the order of time, job and step."""
        query = (
            select(*columns_of(spends, SpendRow))
            .where(spends.c.dataset_id == dataset_id)
            .order_by(spends.c.spent_at, spends.c.job_id, spends.c.step)
        )
        return [SpendRow(**row) for row in self._connection.execute(query).mappings()]

    def _settle(self, dataset_id: str, job_id: str) -> Reservation:
        budget = self._load_budget(dataset_id)
        reservation = self.reservation(dataset_id, job_id)
        if reservation.settled:
            return reservation
        budget, settled = rules.settle(budget, reservation)
        self._store_budget(dataset_id, budget)
        own = and_(reservations.c.job_id == job_id, reservations.c.dataset_id == dataset_id)
        self._connection.execute(update(reservations).where(own).values(settled_at=self._now))
        return settled

    def _load_budget(self, dataset_id: str, lock: bool = True) -> Budget:
        query = select(budgets).where(budgets.c.dataset_id == dataset_id)
        found = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            raise NotFound(f"data set {dataset_id} has no budget")
        limit = Limit(found.epsilon, found.delta, found.releases, found.coordinates)
        return Budget(limit, found.spent_units, found.reserved_units, found.spent_releases, found.reserved_releases)

    def _store_budget(self, dataset_id: str, budget: Budget) -> None:
        self._connection.execute(update(budgets).where(budgets.c.dataset_id == dataset_id).values(**_totals(budget)))

    def _spend_row(self, dataset_id: str, job_id: str, step: int) -> SpendRow:
        taken = and_(spends.c.job_id == job_id, spends.c.dataset_id == dataset_id, spends.c.step == step)
        query = select(*columns_of(spends, SpendRow)).where(taken)
        return SpendRow(**self._connection.execute(query).mappings().one())


def _totals(budget: Budget) -> dict[str, int]:
    return {
        "spent_units": budget.spent_units,
        "reserved_units": budget.reserved_units,
        "spent_releases": budget.spent_releases,
        "reserved_releases": budget.reserved_releases,
    }
