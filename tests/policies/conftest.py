"""Engines over the shipped policies, and over copies that a test may break."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from policies import PolicyEngine, shipped_directory
from policies.sources import EFFECTS, SCHEMA

Edit = Callable[[Path], object]


@pytest.fixture(scope="session")
def engine() -> PolicyEngine:
    return PolicyEngine.load(shipped_directory())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the shipped policy directory, without cases."""
    copy = tmp_path / "policies"
    for effect in EFFECTS:
        shutil.copytree(shipped_directory() / effect, copy / effect)
    shutil.copy(shipped_directory() / SCHEMA, copy / SCHEMA)
    return copy
