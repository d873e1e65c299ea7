"""Workers' keys from the command line: made once, listed in the settings, used by the worker they are for."""

import json
import stat
from pathlib import Path

import pytest

from secure_ds.cli.instances import FIRST, SECOND, evaluator_file, make_instance
from secure_ds.cli.processes import SECOND_WORKER, Supervisor
from secure_ds.cli.worker_process import run_worker
from secure_ds.core.private_keys import load_private_key, make_private_key, public_hex
from secure_ds.core.settings import load_settings
from secure_ds.worker.identity import EvaluatorUnlisted, open_identity
from tests.cli.conftest import Shell


def test_a_key_is_made_and_its_entry_fits_the_settings(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "south.pem"
    made = shell("evaluator", "make", str(path), "--domain", "south", "--json")
    assert made.code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = load_settings({}, evaluators=[json.loads(made.out)])
    assert open_identity(path, settings.allowed_evaluators).domain == "south"


def test_the_printed_entry_is_a_line_of_configuration(shell: Shell, tmp_path: Path) -> None:
    entry = shell("evaluator", "make", str(tmp_path / "south.pem"), "--domain", "south").out.strip()
    (tmp_path / "config.toml").write_text(f"evaluators = [{entry}]\n")
    assert load_settings({}, home=tmp_path).allowed_evaluators.domains == ("south",)


def test_a_key_is_never_made_over_another(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "south.pem"
    shell("evaluator", "make", str(path), "--domain", "south")
    before = path.read_bytes()
    assert shell("evaluator", "make", str(path), "--domain", "south").code == 1
    assert path.read_bytes() == before


def test_a_domain_that_cannot_be_leaves_no_file(shell: Shell, tmp_path: Path) -> None:
    assert shell("evaluator", "make", str(tmp_path / "x.pem"), "--domain", "South Wing").code == 2
    assert not (tmp_path / "x.pem").exists()


@pytest.mark.parametrize(("dual", "domains"), [(False, (FIRST,)), (True, (FIRST, SECOND))])
def test_a_new_instance_has_its_workers_keys(tmp_path: Path, dual: bool, domains: tuple[str, ...]) -> None:
    settings = make_instance(tmp_path / "home", dual=dual).settings
    listed = settings.allowed_evaluators
    assert listed.domains == domains
    assert listed.suffice == dual
    assert settings.evaluator_key is not None
    assert open_identity(settings.evaluator_key, listed).domain == FIRST
    for domain in domains:
        key = load_private_key(evaluator_file(settings, domain))
        assert listed.domain_of(public_hex(key)) == domain
        assert public_hex(key) != key.private_bytes_raw().hex()


def test_the_second_worker_is_told_its_own_key(tmp_path: Path) -> None:
    supervisor = Supervisor(load_settings({}, home=tmp_path))
    assert supervisor._command(SECOND_WORKER) == ["worker", "--evaluator", str(tmp_path / "evaluators" / "second.pem")]
    assert supervisor._command("worker") == ["worker"]


def test_up_says_what_is_missing_for_a_second_worker(shell: Shell, tmp_path: Path) -> None:
    make_instance(tmp_path / "home")
    outcome = shell("up", "--dual", "--home", str(tmp_path / "home"))
    assert outcome.code == 2
    assert "init --dual" in outcome.err


def test_who_only_confirms_needs_a_key(shell: Shell, tmp_path: Path) -> None:
    outcome = shell("worker", "--confirm-only", "--home", str(tmp_path))
    assert outcome.code == 2
    assert "--evaluator" in outcome.err


def test_a_worker_whose_key_nobody_listed_does_not_start(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path, evaluator_key=tmp_path / "mine.pem")
    key = make_private_key(tmp_path / "mine.pem")
    with pytest.raises(EvaluatorUnlisted, match=public_hex(key)):
        run_worker(settings)
