"""`audit verify` needs an export and a key, and nothing else."""

import json
from pathlib import Path

import pytest

from secure_ds.client.trust import TrustFile
from tests.audit.support import SealedLog
from tests.cli.conftest import Shell
from tests.simulators.services import PUBLIC_KEYS

URL = "https://ds.example.org"


@pytest.fixture
def sealed(home: Path) -> SealedLog:
    """A log of five entries whose key is pinned."""
    sealed = SealedLog()
    sealed.record(5)
    sealed.seal()
    TrustFile(home / "trust.json").pin(URL, PUBLIC_KEYS.model_copy(update={"checkpoint_key": str(sealed.signer.key)}))
    return sealed


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def test_true_export_is_verified_with_the_pinned_key(shell: Shell, sealed: SealedLog, tmp_path: Path) -> None:
    export = write(tmp_path / "audit.jsonl", sealed.export())
    outcome = shell("audit", "verify", export, "--url", URL)
    assert outcome.code == 0 and "5 shown" in outcome.out
    assert json.loads(shell("audit", "verify", export, "--key", str(sealed.signer.key), "--json").out)["ok"]


def test_changed_entry_is_named(shell: Shell, sealed: SealedLog, tmp_path: Path) -> None:
    lines = sealed.export()
    lines[3] = lines[3].replace("user_alice", "user_mallo")
    outcome = shell("audit", "verify", write(tmp_path / "audit.jsonl", lines), "--url", URL)
    assert outcome.code == 1
    assert "changed_entry: entry 2" in outcome.out and outcome.err.startswith("error audit_not_verified:")


def test_cut_tail_shows_against_an_older_checkpoint(shell: Shell, sealed: SealedLog, tmp_path: Path) -> None:
    export = write(tmp_path / "audit.jsonl", sealed.export())
    sealed.record(3)
    (tmp_path / "kept.txt").write_text(sealed.seal().note, encoding="utf-8")
    outcome = shell("audit", "verify", export, "--url", URL, "--checkpoint", str(tmp_path / "kept.txt"), "--json")
    assert outcome.code == 1
    assert "cut_tail" in [finding["kind"] for finding in json.loads(outcome.out)["findings"]]


def test_no_pinned_key_is_a_failure(shell: Shell, tmp_path: Path) -> None:
    export = write(tmp_path / "audit.jsonl", [])
    assert shell("audit", "verify", export, "--url", URL).err.startswith("error untrusted_service:")


def test_malformed_key_is_a_failure(shell: Shell, tmp_path: Path) -> None:
    outcome = shell("audit", "verify", write(tmp_path / "audit.jsonl", []), "--key", "nonsense")
    assert outcome.code == 1 and outcome.err.startswith("error invalid_profile:")
