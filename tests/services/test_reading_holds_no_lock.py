"""Lists and searches may take long; they keep nobody from writing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from secure_ds.core.principal import Caller, Role
from secure_ds.services.facade import Services
from secure_ds.store.unit_of_work import Store, UnitOfWork
from secure_ds.wire.audit import AuditQuery
from tests.installation import Installation

ROLES = (Role.COMPLIANCE_OFFICER,)
READS: dict[str, Callable[[Services, Caller], Any]] = {
    "list_datasets": lambda services, caller: services.list_datasets(caller, None, 50),
    "list_jobs": lambda services, caller: services.list_jobs(caller, None, 50, None),
    "list_models": lambda services, caller: services.list_models(caller, None, 50),
    "query_audit": lambda services, caller: services.query_audit(caller, AuditQuery(text="anything")),
    "prove_inclusion": lambda services, caller: services.prove_inclusion(caller, 0, None),
    "prove_consistency": lambda services, caller: services.prove_consistency(caller, 0, None),
}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")


@pytest.mark.parametrize("name", READS)
def test_what_is_read_is_read_without_the_write_lock(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    caller = installation.caller("carl", *ROLES)
    touched: list[set[str]] = []
    original = Store.write

    @contextmanager
    def watched(store: Store) -> Iterator[UnitOfWork]:
        with original(store) as work:
            seen: set[str] = set()
            yield Watched(work, seen)  # type: ignore[misc]
        touched.append(seen)

    monkeypatch.setattr(Store, "write", watched)
    READS[name](installation.services, caller)
    assert touched == [{"audit.append"}]


class Watched:
    """A unit of work that notes which method of which part was asked for."""

    def __init__(self, part: Any, seen: set[str], path: str = "") -> None:
        self._part, self._seen, self._path = part, seen, path

    def __getattr__(self, name: str) -> Any:
        found, path = getattr(self._part, name), f"{self._path}.{name}".lstrip(".")
        if callable(found):
            self._seen.add(path)
            return found
        return Watched(found, self._seen, path)
