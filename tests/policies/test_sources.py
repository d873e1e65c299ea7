"""An incomplete policy directory is refused; every byte that can change a decision changes the version."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from policies import PolicyLoadError, shipped_directory
from policies.sources import PolicySources, read_sources


def test_the_shipped_directory_is_complete() -> None:
    sources = read_sources(shipped_directory())
    assert {name.partition("/")[0] for name in sources.files} == {"permit", "forbid"}


def empty_forbids(directory: Path) -> None:
    for path in (directory / "forbid").iterdir():
        path.unlink()


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no directory": (shutil.rmtree, "permit/ cannot be read"),
    "no forbids": (lambda d: shutil.rmtree(d / "forbid"), "forbid/ cannot be read"),
    "forbids emptied": (empty_forbids, "forbid/ is empty"),
    "misspelt extension": (
        lambda d: (d / "forbid/tenant.cedar").rename(d / "forbid/tenant.ceder"),
        "tenant.ceder: only .cedar files",
    ),
    "empty file": (lambda d: (d / "forbid/tenant.cedar").write_text("\n"), "tenant.cedar is empty"),
    "not text": (lambda d: (d / "forbid/tenant.cedar").write_bytes(b"\xff\xfe"), "cannot be read as UTF-8"),
    "no schema": (lambda d: (d / "schema.cedarschema").unlink(), "schema.cedarschema is missing"),
    "folder as file": (lambda d: (d / "forbid/more.cedar").mkdir(), "more.cedar is missing or cannot be read"),
}


@pytest.mark.parametrize(("breakage", "message"), BREAKAGES.values(), ids=BREAKAGES.keys())
def test_an_incomplete_directory_is_refused(directory: Path, breakage: Callable[[Path], object], message: str) -> None:
    breakage(directory)
    with pytest.raises(PolicyLoadError, match=message):
        read_sources(directory)


def test_version_of_known_sources() -> None:
    sources = PolicySources(schema="entity Tenant;", files={"forbid/a.cedar": "x", "permit/b.cedar": "y"})
    canonical = (
        b'{"files":{"forbid/a.cedar":"x","permit/b.cedar":"y"},'
        b'"format":"secure_ds.policies/1","schema":"entity Tenant;"}'
    )
    assert sources.version() == "sha256:" + hashlib.sha256(canonical).hexdigest()
    assert sources.version() == "sha256:b7778ad3b0c515739e1f40f4ee42d3d097ede3fee7b06b65dc4095a0f7942d13"


def test_every_change_changes_the_version() -> None:
    base = PolicySources(schema="s", files={"permit/a.cedar": "x", "forbid/b.cedar": "y"})
    variants = [
        base,
        PolicySources(schema="s ", files=base.files),
        PolicySources(schema="s", files={"permit/a.cedar": "x ", "forbid/b.cedar": "y"}),
        PolicySources(schema="s", files={"permit/aa.cedar": "x", "forbid/b.cedar": "y"}),
        PolicySources(schema="s", files={"permit/a.cedar": "x"}),
    ]
    assert len({variant.version() for variant in variants}) == len(variants)


def test_the_version_does_not_depend_on_the_order_of_files() -> None:
    one = PolicySources(schema="s", files={"permit/a.cedar": "x", "forbid/b.cedar": "y"})
    other = PolicySources(schema="s", files={"forbid/b.cedar": "y", "permit/a.cedar": "x"})
    assert one.version() == other.version()
