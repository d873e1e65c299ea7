"""One transaction over everything: a change, the budget it takes and its audit entry stand or fall together.

Rules:
    - `write` commits when its block ends, and rolls back when anything at all is raised in it.
    - `read` sees one snapshot and cannot write.
    - A database that does not answer, or not in time, is `StoreUnavailable`; nothing was changed then, unless the
      connection broke during the commit itself, which is why every write can be repeated.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from audit.log import AuditLog
from audit.stores.sql import SqlStore
from secure_ds.core.clock import Clock
from secure_ds.store.engine import READ_ONLY
from secure_ds.store.errors import StoreUnavailable
from secure_ds.store.repositories.attestations import Attestations
from secure_ds.store.repositories.blobs import BlobIndex
from secure_ds.store.repositories.collaborations import Collaborations
from secure_ds.store.repositories.consents import Consents
from secure_ds.store.repositories.datasets import Datasets
from secure_ds.store.repositories.events import Events
from secure_ds.store.repositories.idempotency import Idempotency
from secure_ds.store.repositories.job_checkpoints import JobCheckpoints
from secure_ds.store.repositories.jobs import Jobs
from secure_ds.store.repositories.ledger import Ledger
from secure_ds.store.repositories.meta import Meta
from secure_ds.store.repositories.models import Models
from secure_ds.store.repositories.predictions import Networks, Predictions
from secure_ds.store.repositories.renyi_ledger import RenyiLedger
from secure_ds.store.repositories.steps import Steps
from secure_ds.store.repositories.tokens import Tokens
from secure_ds.store.repositories.users import Users
from secure_ds.store.repositories.work import Work


class UnitOfWork:
    """One transaction's view of the store. `now` is its one clock reading, taken once it holds its locks."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.clock = clock
        self.now = clock.now()
        self.users = Users(connection, self.now)
        self.tokens = Tokens(connection, self.now)
        self.collaborations = Collaborations(connection, self.now)
        self.consents = Consents(connection, self.now)
        self.datasets = Datasets(connection, self.now)
        self.blobs = BlobIndex(connection, self.now)
        self.ledger = Ledger(connection, self.now)
        self.renyi_ledger = RenyiLedger(connection, self.now)
        self.jobs = Jobs(connection, self.now)
        self.checkpoints = JobCheckpoints(connection, self.now)
        self.work = Work(connection, self.now)
        self.steps = Steps(connection, self.now)
        self.attestations = Attestations(connection, self.now)
        self.events = Events(connection, self.now)
        self.models = Models(connection, self.now)
        self.networks = Networks(connection, self.now)
        self.predictions = Predictions(connection, self.now)
        self.idempotency = Idempotency(connection, self.now)
        self.meta = Meta(connection, self.now)
        self.audit = AuditLog(SqlStore(connection), clock)


class Store:
    """The durable state of an installation.

    Args:
        engine: from `secure_ds.store.engine.make_engine`.
        clock: tells each transaction its time.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._writing = engine
        self._reading = engine.execution_options(**{READ_ONLY: True})
        self._clock = clock

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Open a transaction that commits at the end of the block. Raises `StoreUnavailable`."""
        with available(), self._writing.begin() as connection:
            yield UnitOfWork(connection, self._clock)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open a transaction that only reads, from one snapshot. Raises `StoreUnavailable`."""
        with available(), self._reading.begin() as connection:
            yield UnitOfWork(connection, self._clock)


@contextmanager
def available() -> Iterator[None]:
    """Turn every sign of a database that does not answer into `StoreUnavailable`."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        if not _means_unavailable(error):
            raise
        raise StoreUnavailable("the database did not answer in time; nothing was changed, try again later") from error


def _means_unavailable(error: DBAPIError | PoolTimeout) -> bool:
    if isinstance(error, PoolTimeout) or error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error) and error.orig.sqlite_errorname == "SQLITE_ERROR":
        return False  # SQLite's name for a statement that is wrong, whose fault is in the code
    return isinstance(error, (OperationalError, InterfaceError))
