"""The custodian's own append-only memory, in a database nobody else opens.

Rules:
1. Rows are only ever added; the database refuses UPDATE and DELETE.
2. A spend is durable before the decryption it pays for; an answer is durable before anybody hears it.
3. One custodian at a time: the journal is locked for as long as its process lives.
4. What must appear in the audit log is written to the outbox in the same transaction as the act, and is appended to the
   log (exactly once, by its event id) before the custodian replies. A crash in between is made good at the next start.
"""

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from sqlalchemy import Connection, Engine, Row, Table, func, insert, select, text

from secure_ds.custodian.journal_tables import (
    answers,
    certificates,
    checkpoints,
    checks,
    confirmations,
    consents,
    delivered,
    groups,
    keys,
    metadata,
    outbox,
    refuse_changes,
    spends,
    successions,
)
from secure_ds.jobs.evaluation import Attestation
from secure_ds.store.engine import make_engine

LOCK_SECONDS: Final = 10.0  # longer than a custodian that was told to end takes
LOCK_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Registration:
    """A data set's key as the custodian keeps it: wrapped by the HSM, beside the limits its owner signed.

    Under the key of a collaboration it has none of its own, and `wrapped_secret` is empty.
    """

    dataset_id: str
    tenant: str
    owner: str
    descriptor_digest: str
    envelope: bytes
    wrapped_secret: bytes
    collaboration_id: str | None = None

    @property
    def key_id(self) -> str:
        """Whose key it is under: what a key's lifelong number of decryptions is counted by."""
        return self.collaboration_id or self.dataset_id


@dataclass(frozen=True, slots=True)
class Group:
    """A collaboration's key, wrapped by the HSM, beside the statement that the custodian signed."""

    collaboration_id: str
    envelope: bytes
    wrapped_secret: bytes


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A consent as its owner signed it; of a data set's consents the highest number holds."""

    dataset_id: str
    number: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Succession:
    """A data set whose key took over from its parent's, with the public key that moves answers to it."""

    dataset_id: str
    parent: str
    rotation_key: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on one block's norms; given once."""

    dataset_id: str
    block: int
    digest: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Spend:
    """What one paid decryption cost one data set. `units` are 1e-12 of GDP mu squared."""

    job_id: str
    step: int
    dataset_id: str
    key_id: str
    fence: int
    plan_digest: str
    weights_digest: str
    ciphertext_digest: str
    units: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """An evaluator that attested the ciphertext a spend was for; its signature, 64 bytes, is kept as evidence."""

    job_id: str
    step: int
    evaluator: str
    domain: str
    signature: bytes

    @classmethod
    def of(cls, said: Attestation) -> Self:
        """What is kept of an attestation; the rest of it is in the spend."""
        return cls(said.evaluation.job_id, said.evaluation.step, said.evaluator, said.domain, said.signature)


class JournalBusy(Exception):
    """Another custodian of this instance is still running."""

    code = "journal_busy"


class Journal:
    """Reads and appends. Open one per process; give it an engine that commits durably."""

    def __init__(self, engine: Engine, lock: BinaryIO | None = None) -> None:
        self._engine = engine
        self._lock = lock  # held, not used: closing it would let another custodian in
        metadata.create_all(engine)
        with engine.begin() as connection:
            for table in metadata.sorted_tables:
                refuse_changes(connection, table.name)

    @classmethod
    def open_alone(cls, path: Path) -> Self:
        """Open the journal at `path` for this process alone, for as long as it lives.

        Limits are counted here: two custodians that overlap for a moment, one of them about to end, must not both count
        before either has paid.

        Raises:
            JournalBusy: another custodian did not end within `LOCK_SECONDS`.
        """
        lock = path.with_suffix(".lock").open("ab")
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locked(lock):
            if time.monotonic() > deadline:
                lock.close()
                raise JournalBusy("another custodian of this instance is running; stop it first")
            time.sleep(LOCK_POLL_SECONDS)
        return cls(make_engine(f"sqlite:///{path}"), lock)

    @contextmanager
    def append(self) -> Iterator["Page"]:
        """Open one transaction: everything written through the page is durable together, or not at all."""
        with self._engine.begin() as connection:
            yield Page(connection)

    def registration(self, dataset_id: str) -> Registration | None:
        """Return a data set's key row."""
        row = self._one(select(keys).where(keys.c.dataset_id == dataset_id))
        return None if row is None else Registration(**row._mapping)

    def successor(self, dataset_id: str) -> str | None:
        """Return the data set whose key took over from this one's, if any."""
        row = self._one(select(successions.c.dataset_id).where(successions.c.parent == dataset_id))
        return None if row is None else str(row[0])

    def rotation_key(self, dataset_id: str) -> bytes | None:
        """Return the key that moves answers to a data set that succeeds another one."""
        row = self._one(select(successions.c.rotation_key).where(successions.c.dataset_id == dataset_id))
        return None if row is None else bytes(row[0])

    def line(self, dataset_id: str) -> list[str]:
        """Return the data set and all whose keys it took over, newest first: they are one set of records."""
        found, parent = [dataset_id], self._parent(dataset_id)
        while parent is not None:
            found.append(parent)
            parent = self._parent(parent)
        return found

    def group(self, collaboration_id: str) -> Group | None:
        """Return a collaboration's key row."""
        row = self._one(select(groups).where(groups.c.collaboration_id == collaboration_id))
        return None if row is None else Group(**row._mapping)

    def registrations_of(self, collaboration_id: str) -> list[Registration]:
        """Return the key rows of the data sets under a collaboration's key."""
        query = select(keys).where(keys.c.collaboration_id == collaboration_id)
        with self._engine.connect() as connection:
            return [Registration(**row._mapping) for row in connection.execute(query)]

    def consent(self, dataset_id: str) -> ConsentRecord | None:
        """Return the consent that holds for a data set, if its owner ever gave one."""
        return next(iter(self.consents(dataset_id)), None)

    def consents(self, dataset_id: str) -> list[ConsentRecord]:
        """Return all that an owner ever said of a data set's part in its collaboration, the latest first."""
        query = select(consents).where(consents.c.dataset_id == dataset_id).order_by(consents.c.number.desc())
        with self._engine.connect() as connection:
            return [ConsentRecord(**row._mapping) for row in connection.execute(query)]

    def check(self, dataset_id: str, block: int) -> Check | None:
        """Return the verdict given on a block, if any."""
        row = self._one(select(checks).where(checks.c.dataset_id == dataset_id, checks.c.block == block))
        return None if row is None else Check(**row._mapping)

    def checks_passed(self, dataset_id: str) -> int:
        """Count the blocks whose norms were found right."""
        return self._count(checks, checks.c.dataset_id == dataset_id, checks.c.passed)

    def spend(self, job_id: str, step: int) -> Spend | None:
        """Return what was paid for a step, if anything; of several data sets that paid alike, the first one's."""
        paid = select(spends).where(spends.c.job_id == job_id, spends.c.step == step)
        row = self._one(paid.order_by(spends.c.dataset_id).limit(1))
        return None if row is None else Spend(**row._mapping)

    def spends(self, job_id: str) -> list[Spend]:
        """Return everything paid for a job, in the order of its steps, then of its data sets."""
        query = select(spends).where(spends.c.job_id == job_id).order_by(spends.c.step, spends.c.dataset_id)
        with self._engine.connect() as connection:
            return [Spend(**row._mapping) for row in connection.execute(query)]

    def confirmations(self, job_id: str) -> list[Confirmation]:
        """Return who attested the steps of a job, in the order of steps, then evaluators."""
        query = select(confirmations).where(confirmations.c.job_id == job_id)
        query = query.order_by(confirmations.c.step, confirmations.c.evaluator)
        with self._engine.connect() as connection:
            return [Confirmation(**row._mapping) for row in connection.execute(query)]

    def units_spent(self, dataset_ids: Sequence[str]) -> int:
        """Sum the units ever paid from data sets."""
        query = select(func.coalesce(func.sum(spends.c.units), 0)).where(spends.c.dataset_id.in_(dataset_ids))
        row = self._one(query)
        return 0 if row is None else int(row[0])

    def highest_fence(self, job_id: str) -> int:
        """Return the highest fencing number seen for a job; 0 before the first step."""
        row = self._one(select(func.coalesce(func.max(spends.c.fence), 0)).where(spends.c.job_id == job_id))
        return 0 if row is None else int(row[0])

    def releases(self, dataset_id: str) -> int:
        """Count the noisy decryptions ever paid for from a data set."""
        return self._count(spends, spends.c.dataset_id == dataset_id)

    def releases_of_key(self, key_id: str) -> int:
        """Count the noisy decryptions ever paid for under a key: what its lifelong limit bounds.

        A decryption that several data sets paid for is one.
        """
        answered = select(spends.c.job_id, spends.c.step).where(spends.c.key_id == key_id).distinct().subquery()
        row = self._one(select(func.count()).select_from(answered))
        return 0 if row is None else int(row[0])

    def checks_made(self, dataset_id: str) -> int:
        """Count the blocks whose norm check was decrypted; of each, one bit left the custodian."""
        return self._count(checks, checks.c.dataset_id == dataset_id)

    def checks_failed_of_key(self, key_id: str) -> int:
        """Count the norm checks that failed, of all data sets under a key."""
        query = select(func.count()).select_from(checks.join(keys, checks.c.dataset_id == keys.c.dataset_id))
        under = func.coalesce(keys.c.collaboration_id, keys.c.dataset_id) == key_id
        row = self._one(query.where(under, ~checks.c.passed))
        return 0 if row is None else int(row[0])

    def answer(self, job_id: str, step: int) -> list[int] | None:
        """Return the stored answer of a step."""
        row = self._one(select(answers.c.answer).where(answers.c.job_id == job_id, answers.c.step == step))
        return None if row is None else _integers(row[0])

    def answers(self, job_id: str) -> list[list[int]]:
        """Return all stored answers of a job, in the order of its steps."""
        query = select(answers.c.answer).where(answers.c.job_id == job_id).order_by(answers.c.step)
        with self._engine.connect() as connection:
            return [_integers(text) for (text,) in connection.execute(query)]

    def certificate(self, job_id: str) -> bytes | None:
        """Return the certificate already signed for a job."""
        row = self._one(select(certificates.c.envelope).where(certificates.c.job_id == job_id))
        return None if row is None else bytes(row[0])

    def last_checkpoint(self) -> tuple[int, bytes] | None:
        """Return size and root of the largest tree this custodian ever signed."""
        row = self._one(select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1))
        return None if row is None else (int(row.size), bytes(row.root))

    def pending(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the outbox events not yet known to be in the audit log, oldest first."""
        query = (
            select(outbox.c.event_id, outbox.c.draft)
            .where(outbox.c.event_id.not_in(select(delivered.c.event_id)))
            .order_by(text("outbox.rowid"))
        )
        with self._engine.connect() as connection:
            return [(event_id, json.loads(draft)) for event_id, draft in connection.execute(query)]

    def _parent(self, dataset_id: str) -> str | None:
        row = self._one(select(successions.c.parent).where(successions.c.dataset_id == dataset_id))
        return None if row is None else str(row[0])

    def rows(self, query: Any) -> list[Row[Any]]:
        """Return the rows of a query on the journal's tables."""
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def _one(self, query: Any) -> Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(query).first()

    def _count(self, table: Table, *conditions: Any) -> int:
        row = self._one(select(func.count()).select_from(table).where(*conditions))
        return 0 if row is None else int(row[0])


class Page:
    """What one journal transaction may write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def registered(self, registration: Registration) -> None:
        """Write down a data set's key."""
        self.add(keys, **fields_of(registration))

    def succeeded(self, succession: Succession) -> None:
        """Write down that a key took over from another, which ends the other; there is one successor at most."""
        self.add(successions, **fields_of(succession))

    def founded(self, group: Group) -> None:
        """Write down a collaboration's key."""
        self.add(groups, **fields_of(group))

    def consented(self, consent: ConsentRecord) -> None:
        """Write down a consent, or its withdrawal."""
        self.add(consents, **fields_of(consent))

    def checked(self, check: Check) -> None:
        """Write down a verdict."""
        self.add(checks, **fields_of(check))

    def spent(self, spend: Spend) -> None:
        """Write down a payment, before the decryption."""
        self.add(spends, **fields_of(spend))

    def confirmed(self, confirmation: Confirmation) -> None:
        """Write down who attested what is paid for, with the payment."""
        self.add(confirmations, **fields_of(confirmation))

    def answered(self, job_id: str, step: int, answer: Sequence[int]) -> None:
        """Write down an answer, before anybody hears it."""
        self.add(answers, job_id=job_id, step=step, answer=json.dumps([str(value) for value in answer]))

    def certified(self, job_id: str, envelope: bytes) -> None:
        """Write down a signed certificate, so that a repeated request gets the same bytes."""
        self.add(certificates, job_id=job_id, envelope=envelope)

    def signed_checkpoint(self, size: int, root: bytes) -> None:
        """Write down a signed tree head."""
        self.add(checkpoints, size=size, root=root)

    def announce(self, event_id: str, draft: dict[str, Any]) -> None:
        """Owe the audit log an entry."""
        self.add(outbox, event_id=event_id, draft=json.dumps(draft))

    def delivered(self, event_id: str) -> None:
        """The audit log has the entry."""
        self.add(delivered, event_id=event_id)

    def add(self, table: Table, **values: Any) -> None:
        """Write down a row of one of the journal's tables."""
        self._connection.execute(insert(table).values(**values))


def _locked(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def fields_of(row: Any) -> dict[str, Any]:
    """Return the columns of a row that is kept as a dataclass."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def _integers(answer: str) -> list[int]:
    return [int(value) for value in json.loads(answer)]
