"""Fixtures that every suite shares."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import templates
from tests.postgres import fresh_database

ENGINES = ["sqlite", "postgresql"]


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database; every test that asks for it runs once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
        return
    with fresh_database() as url:
        yield url


@pytest.fixture(params=ENGINES)
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Like `database_url`, with the schema of this version in it, which the test must leave as it is."""
    if request.param == "sqlite":
        shutil.copyfile(templates.sqlite_file(), tmp_path / "test.db")
        return f"sqlite:///{tmp_path}/test.db"
    return templates.postgres_url()
