"""The SQL store in the company of others: transactions, concurrent writers, cost, and a database that fails."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event, text

from audit.errors import AuditUnavailable
from audit.log import AuditLog
from audit.stores.sql import SqlStore
from tests.audit.support import ORIGIN, SealedLog, SteppingClock, draft, install, make_engine, reference_root, sql_log

THREADS = 8
APPENDS = 15  # per thread


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        install(connection)
    yield engine
    engine.dispose()


def test_an_entry_and_its_change_are_one_transaction(engine: Engine) -> None:
    class Refused(Exception):
        pass

    with sql_log(engine) as log:
        log.append(draft())
        before = log.head()
    with pytest.raises(Refused), sql_log(engine) as log:
        log.append(draft(event_id="evt-1"))
        raise Refused
    with sql_log(engine) as log:
        assert log.head() == before
        assert log.append(draft(event_id="evt-1")).index == 1


def test_writers_at_once_make_one_log(engine: Engine) -> None:
    barrier = threading.Barrier(THREADS)

    def write(writer: int) -> list[int]:
        barrier.wait()
        places = []
        for number in range(APPENDS):
            with sql_log(engine) as log:
                places.append(log.append(draft(object_id=f"{writer}-{number}")).index)
        return places

    with ThreadPoolExecutor(THREADS) as pool:
        written = list(pool.map(write, range(THREADS)))
    total = THREADS * APPENDS
    assert sorted(index for places in written for index in places) == list(range(total))
    assert all(places == sorted(places) for places in written)
    with sql_log(engine) as log:
        leaves = [stored.leaf_hash for stored in log.walk(0, total)]
        assert log.head().size == total
        assert log.head().root == reference_root(leaves)
        assert log.root_at(total - 1) == reference_root(leaves[:-1])


def test_one_event_reported_by_all_at_once_is_one_entry(engine: Engine) -> None:
    barrier = threading.Barrier(THREADS)

    def report(_: int) -> int:
        barrier.wait()
        with sql_log(engine) as log:
            return log.append(draft(event_id="evt-1")).index

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(report, range(THREADS))) == {0}
    with sql_log(engine) as log:
        assert log.head().size == 1


def test_an_append_costs_the_same_in_a_long_log(engine: Engine) -> None:
    statements: Counter[str] = Counter()
    rows = Counter[str]()

    @event.listens_for(engine, "after_cursor_execute")
    def count(_connection: object, _cursor: object, sql: str, parameters: object, _context: object, many: bool) -> None:
        statements[sql.split()[0]] += 1
        rows[sql.split()[0]] += len(parameters) if many and isinstance(parameters, list) else 1

    with sql_log(engine) as log:
        for _ in range(255):
            log.append(draft())
        rows.clear()
        statements.clear()
        log.append(draft())  # the 256th completes eight subtrees, the most that any of the first 256 does
    assert statements["SELECT"] <= 3  # head, leaf sibling, inner siblings
    assert statements["INSERT"] == 2
    assert statements["UPDATE"] == 1
    assert rows["INSERT"] <= 1 + 8


def test_a_database_without_the_log_is_unavailable_not_silent(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        store = SqlStore(connection)
        log = AuditLog(store, SteppingClock())
        for ask in (
            lambda: log.append(draft()),
            log.head,
            log.latest_checkpoint,
            lambda: store.find_event("evt-1"),
            lambda: store.entries(0, 1),
            lambda: store.checkpoints(0, 1),
        ):
            with pytest.raises(AuditUnavailable, match="could not") as caught:
                ask()
            connection.rollback()
            assert caught.value.code == "audit_unavailable"
    engine.dispose()


def test_a_head_that_another_holds_is_given_up_promptly(engine: Engine) -> None:
    """The engine's owner sets the time limit; here it is short, and the refusal comes as `AuditUnavailable`."""
    with sql_log(engine) as log:
        log.append(draft())
        impatient = make_engine(engine.url.render_as_string(hide_password=False))
        if engine.dialect.name == "sqlite":
            event.listen(impatient, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50").close())
        with pytest.raises(AuditUnavailable), impatient.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            AuditLog(SqlStore(connection), SteppingClock()).append(draft())
        impatient.dispose()


def test_sealing_waits_for_nobody_and_reads_what_is_committed(engine: Engine) -> None:
    with sql_log(engine) as log:
        sealed = SealedLog(log=log)
        sealed.record(3)
        sealed.seal()
        assert log.next_checkpoint(ORIGIN).size == 3
