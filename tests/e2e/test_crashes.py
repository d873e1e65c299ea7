"""kill -9 of a random process at random moments of running jobs: nothing is lost, nothing is said twice.

`E2E_KILLS=25` makes it the long run; `E2E_SEED` chooses another sequence of kills.
"""

import os
import random
import time
from collections import Counter

import pytest

from secure_ds.cli.processes import PROCESSES
from secure_ds.client.client import Client
from secure_ds.client.errors import ProblemError
from secure_ds.core.principal import Role
from secure_ds.jobs.lifecycle import is_final
from tests.e2e.evidence import Evidence, read_log
from tests.e2e.live import LiveInstance, eventually, patiently
from tests.e2e.owner import finished, job_body, ready_dataset, submit
from tests.installation import declaration, random_records

KILLS = int(os.environ.get("E2E_KILLS", "3"))
SEED = int(os.environ.get("E2E_SEED", "20261122"))
LONGEST_PAUSE = 1.0  # seconds from the first sign of progress to the kill; a step takes a quarter of one
STEPS = 24
MAX_DECRYPTIONS = 600


@pytest.mark.slow
def test_jobs_survive_killed_processes(database_url: str) -> None:
    chance = random.Random(SEED)
    records = random_records()
    with LiveInstance(database_url, lease_seconds=2.0, checkpoint_seconds=2.0) as live:
        live.start()
        owner, officer = live.client("alice", Role.DATA_OWNER), live.client("carol", Role.COMPLIANCE_OFFICER)
        keys = owner.public_keys()
        limits = declaration(records, max_decryptions=MAX_DECRYPTIONS)
        descriptor = ready_dataset(owner, live.home / "package", records, limits)
        with live.kept_up():
            checkpoints = _kill_on_and_on(live, chance, owner, officer, descriptor.dataset_id)
            evidence = Evidence(live.store(), live.journal(), [], descriptor)
            for job in evidence.jobs():
                assert finished(owner, job.id).state == "succeeded"
            entries = patiently(lambda: read_log(officer, keys, checkpoints))
            evidence = Evidence(live.store(), live.journal(), entries, descriptor)
            evidence.check_all()
            for job in evidence.jobs():
                evidence.check_model(job, owner, keys)
        _require_checks_that_can_fail(evidence)
        _report(evidence)


def _kill_on_and_on(
    live: LiveInstance, chance: random.Random, owner: Client, officer: Client, dataset_id: str
) -> list[str]:
    """Kill each time a running job has moved on; return the checkpoints seen on the way."""
    checkpoints: list[str] = []
    for _ in range(KILLS):
        _await_progress(live, owner, dataset_id)
        time.sleep(chance.uniform(0.0, LONGEST_PAUSE))
        live.kill(chance.choice(PROCESSES), chance.choice(["all", "parent", "child"]))
        try:
            checkpoints.append(patiently(lambda: officer.checkpoint()).checkpoint)
        except ProblemError as error:
            assert error.status == 404  # before the first one
    return checkpoints


def _await_progress(live: LiveInstance, owner: Client, dataset_id: str) -> None:
    """Wait until a job is in the middle of its work, submitting one when there is none."""
    store, before = live.store(), None

    def moved_on() -> bool:
        nonlocal before
        with store.read() as work:
            jobs = work.jobs.list(None, None, dataset_id, None, 1000)
        done = sum(job.steps_done for job in jobs)
        if all(is_final(job.state) for job in jobs):
            submit(owner, job_body(dataset_id, steps=STEPS))
        before = done if before is None else before
        return done > before

    eventually(moved_on, 60, "no job moves on")


def _require_checks_that_can_fail(evidence: Evidence) -> None:
    """The control: take any one entry about a payment, an answer or a move away, and a check notices."""
    for action in ("ledger:spend", "key:use", "job:admit", "model:release"):
        index = next(i for i, entry in enumerate(evidence.entries) if entry["action"] == action)
        cut = [*evidence.entries[:index], *evidence.entries[index + 1 :]]
        with pytest.raises(AssertionError):
            Evidence(evidence.store, evidence.journal, cut, evidence.descriptor).check_all()


def _report(evidence: Evidence) -> None:
    """What the long run shows with `pytest -s`."""
    jobs, actions = evidence.jobs(), Counter(entry["action"] for entry in evidence.entries)
    print(
        f"\n{KILLS} kills, seed {SEED}: {len(jobs)} jobs succeeded, {actions['key:use']} answers, "
        f"{actions['ledger:spend']} payments, {actions['job:run']} claims, {len(evidence.entries)} entries verified"
    )
