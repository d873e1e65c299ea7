from pathlib import Path

import pytest

from tests.attacks.hostile_owner import HostileOwner
from tests.prepared import Hands, Prepared, prepared


@pytest.fixture
def ready(tmp_path: Path) -> Prepared:
    """An installation with a ready data set and a queued job, the test's own."""
    return prepared(tmp_path)


@pytest.fixture
def hands(ready: Prepared) -> Hands:
    """A worker that has claimed the job and stands before its first step."""
    return Hands(ready.installation)


@pytest.fixture
def hostile(ready: Prepared) -> HostileOwner:
    """An owner who does not keep to the client."""
    return HostileOwner(ready.installation, ready.owner)
