import shutil
from pathlib import Path

import pytest

from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.sealed import plans
from tests.custodian.sealed.jobs import SealedJob, plan_by_hand, start_job
from tests.installation import Installation
from tests.templates import sqlite_file


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation of the test's own, without any data."""
    shutil.copy(sqlite_file(), tmp_path / "service.db")
    return Installation(tmp_path, f"sqlite:///{tmp_path / 'service.db'}")


@pytest.fixture
def custodian(installation: Installation) -> CustodianContext:
    return installation.custodian


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans as a function of descriptor and request that a test can do by hand."""
    plans._plan.cache_clear()
    monkeypatch.setattr(plans, "dp_plan_for", plan_by_hand)


@pytest.fixture
def job(custodian: CustodianContext, planned: None) -> SealedJob:
    """A job that is granted and held by a worker, whose trainer has asked for nothing yet."""
    return start_job(custodian)
