"""What the journal keeps of sealed data sets. The rules are those of `secure_ds.custodian.journal`, and:

1. A charge is durable before the key that it pays for is sealed to anyone; it is for the whole plan, as the custodian
   cannot see what leaves a trainer.
2. A session is durable before its trainer has a key; of one fence of one job there is one.
3. A settlement is written once, and then says how many steps of the charge stay.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from secure_ds.custodian.journal import Journal, Page, fields_of
from secure_ds.custodian.journal_tables import sealed_charges, sealed_keys, sealed_sessions, sealed_settlements


@dataclass(frozen=True, slots=True)
class SealedRegistration:
    """A sealed data set's key as the custodian keeps it: wrapped by the HSM, beside what its owner signed."""

    dataset_id: str
    tenant: str
    owner: str
    descriptor_digest: str
    envelope: bytes
    wrapped_key: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """One trainer that was given a job's keys; a trainer serves one fence of one job."""

    job_id: str
    fence: int
    session_key: str
    signing_key: str


@dataclass(frozen=True, slots=True)
class SealedCharge:
    """What a job costs one data set: `steps` times `step_cost`, Renyi units of 1e-12 at the data set's orders."""

    job_id: str
    dataset_id: str
    plan_digest: str
    steps: int
    step_cost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SettlementRecord:
    """What an ended job's trainer signed; the steps that stay charged."""

    job_id: str
    steps_spent: int
    statement: str
    signature: str


class SealedJournal:
    """Reads of one journal, and the rows that sealed data sets add to its pages."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def registration(self, dataset_id: str) -> SealedRegistration | None:
        """Return a data set's key row."""
        rows = self._journal.rows(select(sealed_keys).where(sealed_keys.c.dataset_id == dataset_id))
        return SealedRegistration(**rows[0]._mapping) if rows else None

    def sessions(self, job_id: str) -> list[Session]:
        """Return every trainer that was given a job's keys, in the order of their fences."""
        query = select(sealed_sessions).where(sealed_sessions.c.job_id == job_id).order_by(sealed_sessions.c.fence)
        return [Session(**row._mapping) for row in self._journal.rows(query)]

    def is_known(self, session_key: str, signing_key: str) -> bool:
        """Whether a trainer with one of these keys was ever given keys."""
        either = (sealed_sessions.c.session_key == session_key) | (sealed_sessions.c.signing_key == signing_key)
        return bool(self._journal.rows(select(sealed_sessions.c.job_id).where(either)))

    def charges(self, job_id: str) -> list[SealedCharge]:
        """Return what a job was charged, in the order of the data sets' ids."""
        query = select(sealed_charges).where(sealed_charges.c.job_id == job_id)
        return [_charge(row) for row in self._journal.rows(query.order_by(sealed_charges.c.dataset_id))]

    def settlement(self, job_id: str) -> SettlementRecord | None:
        """Return how a job was settled, if it was."""
        rows = self._journal.rows(select(sealed_settlements).where(sealed_settlements.c.job_id == job_id))
        return SettlementRecord(**rows[0]._mapping) if rows else None

    def spent(self, dataset_ids: Sequence[str], orders: int) -> tuple[int, ...]:
        """Sum what jobs were charged on data sets, at each of so many orders; settled ones by the steps they used."""
        query = (
            select(sealed_charges, sealed_settlements.c.steps_spent)
            .outerjoin(sealed_settlements, sealed_settlements.c.job_id == sealed_charges.c.job_id)
            .where(sealed_charges.c.dataset_id.in_(dataset_ids))
        )
        total = [0] * orders
        for row in self._journal.rows(query):
            steps = row.steps if row.steps_spent is None else row.steps_spent
            for place, cost in enumerate(json.loads(row.step_cost)):
                total[place] += steps * int(cost)
        return tuple(total)


def write_registration(page: Page, registration: SealedRegistration) -> None:
    """Write down a data set's key."""
    page.add(sealed_keys, **fields_of(registration))


def write_session(page: Page, session: Session) -> None:
    """Write down a trainer, before it has a key."""
    page.add(sealed_sessions, **fields_of(session))


def write_charge(page: Page, charge: SealedCharge) -> None:
    """Write down a payment, before the key is sealed to anyone."""
    fields = fields_of(charge) | {"step_cost": json.dumps([str(cost) for cost in charge.step_cost])}
    page.add(sealed_charges, **fields)


def write_settlement(page: Page, settlement: SettlementRecord) -> None:
    """Write down how many steps stay charged."""
    page.add(sealed_settlements, **fields_of(settlement))


def _charge(row: Row[Any]) -> SealedCharge:
    fields = dict(row._mapping) | {"step_cost": tuple(int(cost) for cost in json.loads(row.step_cost))}
    return SealedCharge(**fields)
