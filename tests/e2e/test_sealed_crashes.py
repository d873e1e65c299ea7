"""`kill -9` of the trainer at random moments: what was spent stays spent, and the job ends as it was planned.

`E2E_KILLS` sets how many kills a run makes, `E2E_SEED` which.
"""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from secure_ds.cli.sealed_prediction import predict_sealed
from secure_ds.client.verify import verify_model
from secure_ds.wire.sealed_certificate import SealedPredicate
from secure_ds.worker import train_sealed
from secure_ds.worker.trainer_process import Received, Trainer
from tests.sealed_jobs import sealed_owner, table_records

KILLS = int(os.environ.get("E2E_KILLS", "3"))
STEPS = 60
MESSAGES = 9 if KILLS <= 3 else 2  # that a trainer says at most before it is killed: many kills must fit into one job


class Assassin(Trainer):
    """A trainer that is killed after so many of its messages."""

    kills: list[int]  # after how many messages, the next first
    spent_at_kill: list[int]

    def messages(self) -> Iterator[Received]:
        """Yield what it says, until its time has come."""
        spent, left = 0, self.kills[-1] if self.kills else None
        for message, blobs in super().messages():
            if message["kind"] == "spend":
                spent = int(message["steps"])
            yield message, blobs
            if left is not None:
                left -= 1
                if left == 0:
                    self.kills.pop()
                    self.spent_at_kill.append(spent)
                    os.kill(self.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_is_killed_the_certificate_says_what_was_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(int(os.environ.get("E2E_SEED", "7")))
    Assassin.kills = [draw.randint(1, MESSAGES) for _ in range(KILLS)]
    Assassin.spent_at_kill = []
    monkeypatch.setattr(train_sealed, "start_trainer", lambda: Assassin(600.0))
    owner = sealed_owner(tmp_path)
    services, descriptor = owner.installation.services, owner.ready()
    job = owner.submit(descriptor.dataset_id, steps=STEPS)
    seen = 0
    while owner.installation.worker.work_once():
        with owner.installation.store.read() as work:
            reservation = work.renyi_ledger.reservation(descriptor.dataset_id, job.id)
        assert reservation.spent_steps >= max([seen, *Assassin.spent_at_kill])  # never below what was released
        seen = reservation.spent_steps
    done = services.show_job(owner.caller, job.id)
    assert (done.state, done.failure, Assassin.kills) == ("succeeded", None, [])
    weights = services.download_weights(owner.caller, done.model_id or "")
    report = verify_model(
        services.download_certificate(owner.caller, done.model_id or ""), weights, services.public_keys()
    )
    assert report.passed and isinstance(report.claims, SealedPredicate)
    assert report.claims.privacy.steps_released == STEPS
    assert len(report.claims.custody.sessions) == KILLS + 1
    assert len(predict_sealed(weights, _inputs())) == 400


def _inputs() -> np.ndarray:
    columns = table_records().columns
    return np.column_stack([(columns[f"x{index}"] + 1) / 2 for index in range(4)]).astype(np.float32)
