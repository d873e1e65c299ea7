"""What a trainer keeps to itself: memory, environment, files. Each fact is read from outside, in /proc."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_ds.core.child_environment import KEPT_VARIABLES
from secure_ds.worker.trainer_process import Trainer, start_trainer


@pytest.fixture(scope="module")
def trainer() -> Iterator[Trainer]:
    """A trainer started by a worker with a secret in its environment and an open file."""
    os.environ["SECURE_DS_PIN"] = "sesame-4711"
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    try:
        with start_trainer() as started:
            yield started
    finally:
        del os.environ["SECURE_DS_PIN"]
        os.close(reading)
        os.close(writing)


def proc(trainer: Trainer, name: str) -> Path:
    return Path(f"/proc/{trainer.pid}/{name}")


def test_core_dumps_are_off(trainer: Trainer) -> None:
    assert resource.prlimit(trainer.pid, resource.RLIMIT_CORE) == (0, 0)


def test_no_other_process_of_its_user_may_look_into_it(trainer: Trainer) -> None:
    """Where a process is not dumpable its files in /proc belong to root, and only root may trace it: proc(5)."""
    script = (
        "import ctypes, os, sys\n"
        "pid = int(sys.argv[1])\n"
        "os.setuid(65534) if os.getuid() == 0 else None\n"
        "for name in ('mem', 'environ', 'maps'):\n"
        "    try:\n"
        "        open(f'/proc/{pid}/{name}', 'rb').read(1)\n"
        "        print('readable', name)\n"
        "    except OSError:\n"
        "        pass\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(trainer.pid)], capture_output=True, check=True)
    assert found.stdout == b""
    assert proc(trainer, "environ").stat().st_uid == 0


def test_it_is_not_dumpable() -> None:
    """Asked in the process itself, once as it starts and once hardened."""
    script = (
        "import ctypes, secure_ds.trainer.hardening as hardening\n"
        "ask = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(ask()); hardening.harden(); print(ask())\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert found.stdout.split() == [b"1", b"0"]


def test_a_secret_of_the_workers_environment_is_not_in_its_own(trainer: Trainer) -> None:
    environment = proc(trainer, "environ").read_bytes()
    assert b"sesame" not in environment
    names = {entry.split(b"=")[0].decode() for entry in environment.split(b"\0") if entry}
    assert names <= KEPT_VARIABLES


def test_hardening_forgets_all_but_a_few_variables() -> None:
    script = "import os, secure_ds.trainer.hardening as h\nh.harden(); print(*os.environ)"
    environment = {**os.environ, "SECURE_DS_PIN": "sesame-4711"}
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env=environment)
    assert set(found.stdout.decode().split()) <= KEPT_VARIABLES


def test_it_inherits_no_file_but_its_pipes(trainer: Trainer) -> None:
    """Descriptors below 3 are its pipes; what it opened itself since are pipes to the worker and /dev/null."""
    targets = {path.name: os.readlink(path) for path in proc(trainer, "fd").iterdir()}
    pipes = {target for target in targets.values() if target.startswith("pipe:")}
    own = {
        os.readlink(f"/proc/{os.getpid()}/fd/{number}")
        for number in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/{os.getpid()}/fd/{number}")
    }
    assert len(pipes) == 2, targets
    assert pipes <= own
    rest = {target for target in targets.values() if target not in pipes}
    assert rest <= {"/dev/null"} | {target for target in rest if target.startswith(("anon_inode:", "/dev/"))}
