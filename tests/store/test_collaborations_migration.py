"""The upgrade to collaborations keeps every reservation and spend, and they stay unchangeable."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

import migrations
from secure_ds.store import migrate
from secure_ds.store.engine import make_engine

ROWS = (
    "INSERT INTO users VALUES ('u', 'clinic', 'u', '[]', '[]', 1, {false})",
    "INSERT INTO datasets (id, tenant, owner, name, state, sensitivity, purposes, n_records, n_features, parameters, "
    "feature_map, descriptor_digest, envelope, sealed_key, created_at) VALUES ('d', 'clinic', 'u', 'd', 'ready', 1, "
    "'[]', 1, 1, 'p', 'm', 'x', '{blob}', '{blob}', '2030-01-01 00:00:00')",
    "INSERT INTO jobs (id, tenant, dataset_id, submitter, purpose, algorithm, state, epsilon, delta, steps_total, "
    "plan, plan_digest, request, \"grant\", submitted_at, steps_done, cancel_requested) VALUES ('j', 'clinic', 'd', "
    "'u', 'p', 'a', 'running', 1, 0.1, 2, '{{}}', 'x', '{{}}', '{blob}', '2030-01-01 00:00:00', 1, {false})",
    "INSERT INTO budgets VALUES ('d', 1, 0.1, 8, 1, 100, 10, 20, 1, 1)",
    "INSERT INTO reservations VALUES ('j', 'd', '[\"10\", \"20\"]', '2030-01-01 00:00:00', NULL)",
    "INSERT INTO spends VALUES ('j', 0, 'd', 10, 'x', '2030-01-01 00:00:00')",
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database as it was before collaborations, with a job on its way."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__path__[0])))
        config.attributes["connection"] = connection
        config.attributes["metadata"] = migrate.expected_metadata()
        command.upgrade(config, "0002")
        words = {"false": "false" if engine.dialect.name == "postgresql" else "0", "blob": "x"}
        for statement in ROWS:
            connection.execute(text(statement.format(**words).replace(":", "\\:")))
    yield engine
    engine.dispose()


def test_the_ledger_is_kept_row_by_row(engine: Engine) -> None:
    migrate.upgrade(engine)
    migrate.check(engine)
    with engine.connect() as connection:
        spends = connection.execute(text("SELECT job_id, step, dataset_id, units, digest FROM spends")).all()
        reserved = connection.execute(text("SELECT job_id, dataset_id, charges, settled_at FROM reservations")).all()
        taken = connection.execute(text("SELECT job_id, dataset_id FROM job_datasets")).all()
    assert [tuple(row) for row in spends] == [("j", 0, "d", 10, "x")]
    assert [tuple(row) for row in reserved] == [("j", "d", '["10", "20"]', None)]
    assert [tuple(row) for row in taken] == [("j", "d")]
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM spends"))
