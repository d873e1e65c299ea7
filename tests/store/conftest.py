"""A migrated store on each engine, a clock that is set by hand, and rows to fill it with."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from secure_ds.store.engine import make_engine
from secure_ds.store.unit_of_work import Store
from tests.store.samples import HandClock


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """An engine on an upgraded, empty database."""
    engine = make_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands still until it is moved."""
    return HandClock()


@pytest.fixture
def store(engine: Engine, clock: HandClock) -> Store:
    """An empty store."""
    return Store(engine, clock)
