"""A trainer as a process of its own, from sealed files to a model, and what becomes of it when something is wrong."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.core.digest import digest_bytes
from secure_ds.core.private_keys import public_point
from secure_ds.jobs.sealed_model import read_model_statement
from secure_ds.jobs.settlement import read_settlement, signature_holds
from secure_ds.trainer.errors import StopRequested
from secure_ds.training.dp import opacus_accountants
from secure_ds.training.dp.model_file import read_dp_model
from secure_ds.worker.trainer_process import Trainer, TrainerFailed, TrainerLost, start_trainer
from tests.trainer.sealed_job import CLASSES, FENCE, Ledger, SealedJob, ThreadTrainer, make_job, public_test

KILLS = 2


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> SealedJob:
    return make_job(tmp_path_factory.mktemp("sealed"), steps=60, epsilon=8.0)


def finished(job: SealedJob, start: Callable[[], Trainer] = ThreadTrainer, **changes: Any) -> Ledger:
    """Run a job to its end; return everything that was heard."""
    ledger = Ledger()
    with start() as trainer:
        trainer.start_job(**job.order(trainer.hello, **changes))
        for _ in ledger.follow(trainer):
            pass
    ledger.hello = trainer.hello
    return ledger


@pytest.fixture(scope="module")
def whole(job: SealedJob) -> Ledger:
    return finished(job, start_trainer, checkpoint_every=25, public_test=public_test())


def test_steps_are_paid_for_before_anything_leaves_and_the_checkpoint_leaves_first(whole: Ledger) -> None:
    kinds = [message["kind"] for message, _ in whole.heard if message["kind"] != "progress"]
    assert kinds == [*["spend", "checkpoint", "metrics"] * 3, "model"]
    assert [message["steps"] for message, _ in whole.of("spend")] == [25, 50, 60]
    assert [message["step"] for message, _ in whole.of("checkpoint")] == [25, 50, 60]


def test_progress_follows_from_plan_and_clock(job: SealedJob, whole: Ledger) -> None:
    last = whole.of("progress")[-1][0]
    assert (last["step"], last["steps"], last["device"]) == (60, 60, "cpu")
    assert last["epsilon"] == job.plan.epsilon_after(60)
    assert set(last) == {"kind", "step", "steps", "epsilon", "records_per_second", "device"}


def test_a_model_is_learned_and_measured_on_public_records(whole: Ledger) -> None:
    assert whole.of("metrics")[-1][0]["metrics"]["accuracy"] > 0.85


def test_the_model_says_what_it_is_and_the_trainer_vouches_for_it(job: SealedJob, whole: Ledger) -> None:
    message, (file,) = whole.heard[-1]
    model = read_dp_model(file)
    assert (model.classes, model.plan_digest, model.config) == (CLASSES, job.plan.digest, job.plan.model)
    assert signature_holds(message["statement"], message["signature"], whole.hello.signing_key)
    said = read_model_statement(message["statement"])
    assert (said.weights, said.plan_digest, said.job_id) == (digest_bytes(file), job.plan.digest, job.job_id)


def test_the_data_key_is_in_no_message_and_no_checkpoint(job: SealedJob, whole: Ledger) -> None:
    everything = repr(whole.heard).encode() + b"".join(blob for _, blobs in whole.heard for blob in blobs)
    assert job.data_key not in everything
    assert job.data_key.hex().encode() not in everything


def test_a_checkpoint_shows_no_weights(whole: Ledger) -> None:
    (_, (checkpoint,)), (_, (file,)) = whole.of("checkpoint")[-1], whole.heard[-1]
    for tensor in read_dp_model(file).tensors.values():
        assert tensor.numpy().tobytes() not in checkpoint


@pytest.mark.slow
def test_killed_at_random_steps_it_goes_on_from_the_last_checkpoint(job: SealedJob) -> None:
    """Steps done in total are the plan's, what was released was paid for, and the model is one."""
    moments, ledger, checkpoint, kills = random.Random(4), Ledger(), None, 0
    while not ledger.of("model"):
        with start_trainer() as trainer:
            trainer.start_job(
                **job.order(trainer.hello, checkpoint=checkpoint, checkpoint_every=7, steps_spent=ledger.paid)
            )
            dies_after = moments.randint(1, 4) if kills < KILLS else 1000
            try:
                for number, message in enumerate(ledger.follow(trainer)):
                    if message["kind"] == "checkpoint":
                        assert message["step"] <= ledger.paid
                        checkpoint = ledger.heard[-1][1][0]
                    if number >= dies_after:
                        os.kill(trainer.pid, signal.SIGKILL)
                        kills += 1
                        dies_after = 1000
            except TrainerLost:
                continue
    steps = [message["step"] for message, _ in ledger.of("checkpoint")]
    assert kills == KILLS
    assert steps == sorted(steps)
    assert (steps[-1], ledger.paid) == (60, 60)
    model = read_dp_model(ledger.of("model")[0][1][0])
    assert all(torch.isfinite(each).all() for each in model.tensors.values())


def test_two_runs_from_one_checkpoint_differ(job: SealedJob, whole: Ledger) -> None:
    checkpoint = whole.of("checkpoint")[1][1][0]
    models = [
        read_dp_model(finished(job, checkpoint=checkpoint, steps_spent=50).heard[-1][1][0]).tensors for _ in range(2)
    ]
    assert not any(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_a_job_that_is_done_hands_out_its_model_once_more(job: SealedJob, whole: Ledger) -> None:
    again = finished(job, checkpoint=whole.of("checkpoint")[-1][1][0], steps_spent=60)
    assert [message["kind"] for message, _ in again.heard] == ["model"]
    assert again.heard[-1][1] == whole.heard[-1][1]


def test_asked_to_stop_it_signs_what_was_used(job: SealedJob) -> None:
    ledger = Ledger()
    with ThreadTrainer() as trainer:
        trainer.start_job(**job.order(trainer.hello, checkpoint_every=1))
        for message in ledger.follow(trainer):
            if message["kind"] == "checkpoint" and message["step"] == 3:
                trainer.stop()
    kinds = [message["kind"] for message, _ in ledger.heard]
    assert kinds[-2:] == ["settled", "stopped"]
    message = ledger.heard[-2][0]
    assert signature_holds(message["statement"], message["signature"], trainer.hello.signing_key)
    said = read_settlement(message["statement"])
    assert said.steps_spent == ledger.paid
    assert 3 <= said.steps_spent < 60
    assert (said.job_id, said.session_key) == (job.job_id, trainer.hello.session_key)


def test_the_checkpoints_steps_count_as_used_whatever_the_worker_says(
    job: SealedJob, whole: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise StopRequested

    monkeypatch.setattr("secure_ds.trainer.job._train", end)
    stopped = finished(job, checkpoint=whole.of("checkpoint")[0][1][0], steps_spent=0)
    (message, _), *_ = stopped.of("settled")
    assert read_settlement(message["statement"]).steps_spent == 25


class TestRefusals:
    """One trainer for each: a failure is told by its code, and settles what was used before."""

    @pytest.fixture
    def trainer(self) -> Iterator[Trainer]:
        with ThreadTrainer() as started:
            yield started

    def refused(self, trainer: Trainer, order: dict[str, Any], code: str, settled: int | None = 0) -> None:
        trainer.start_job(**order)
        heard = Ledger()
        with pytest.raises(TrainerFailed, match=f"could not go on: {code}$"):
            list(heard.follow(trainer))
        statements = [read_settlement(message["statement"]).steps_spent for message, _ in heard.heard]
        assert statements == ([] if settled is None else [settled])

    @pytest.mark.parametrize(
        "bound",
        [
            {"job_id": "job_" + "b" * 26},
            {"plan_digest": "sha256:" + "0" * 64},
            {"fence": FENCE + 1},
            {"dataset_id": "ds_" + "b" * 26},
            {"session_key": public_point(ec.generate_private_key(ec.SECP256R1()))},
        ],
        ids=lambda bound: next(iter(bound)),
    )
    def test_a_key_that_was_sealed_for_something_else(
        self, trainer: Trainer, job: SealedJob, bound: dict[str, Any]
    ) -> None:
        order = job.order(trainer.hello, sealed_key=job.sealed_key(trainer.hello, **bound))
        self.refused(trainer, order, "container_refused")

    def test_files_in_another_order(self, trainer: Trainer, job: SealedJob) -> None:
        parts = [str(path) for path in reversed(job.parts)]
        self.refused(trainer, job.order(trainer.hello, parts=parts), "container_refused")

    def test_a_file_that_is_not_there(self, trainer: Trainer, job: SealedJob) -> None:
        parts = ["/nowhere", *(str(path) for path in job.parts[1:])]
        self.refused(trainer, job.order(trainer.hello, parts=parts), "container_refused")

    def test_another_jobs_checkpoint(self, trainer: Trainer, job: SealedJob, whole: Ledger) -> None:
        checkpoint = bytearray(whole.of("checkpoint")[0][1][0])
        checkpoint[8] ^= 1  # the step it says it is of
        order = job.order(trainer.hello, checkpoint=bytes(checkpoint), steps_spent=25)
        self.refused(trainer, order, "checkpoint_refused", settled=25)

    def test_a_plan_with_less_noise(self, trainer: Trainer, job: SealedJob) -> None:
        plan = job.plan.to_json() | {"noise_multiplier": job.plan.noise_multiplier / 2}
        self.refused(trainer, job.order(trainer.hello, plan=plan), "plan_refused", settled=None)

    def test_a_plan_that_opacus_accounts_otherwise(
        self, trainer: Trainer, job: SealedJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opacus_accountants, "rdp_epsilon", lambda event, delta: 1e3)
        self.refused(trainer, job.order(trainer.hello), "accountants_disagree")

    def test_a_plan_for_another_data_set(self, trainer: Trainer, job: SealedJob, tmp_path: Path) -> None:
        order = job.order(trainer.hello, plan=make_job(tmp_path).plan.to_json())
        self.refused(trainer, order, "plan_mismatch", settled=None)

    def test_a_message_that_is_malformed(self, trainer: Trainer, job: SealedJob) -> None:
        self.refused(trainer, job.order(trainer.hello, checkpoint_every=0), "protocol_broken", settled=None)

    def test_fewer_steps_paid_than_asked(self, trainer: Trainer, job: SealedJob) -> None:
        trainer.start_job(**job.order(trainer.hello))
        with pytest.raises(TrainerFailed, match="protocol_broken"):
            for message, _ in trainer.messages():
                assert message["kind"] != "checkpoint"
                if message["kind"] == "spend":
                    trainer.spent(message["steps"] - 1)


def test_nothing_leaves_while_steps_are_not_paid_for(job: SealedJob) -> None:
    with start_trainer(silence_seconds=3.0) as trainer:
        trainer.start_job(**job.order(trainer.hello))
        with pytest.raises(TrainerLost, match="said nothing"):
            for message, _ in trainer.messages():
                assert message["kind"] in ("spend", "progress")
        assert not Path(f"/proc/{trainer.pid}").exists()


def test_it_ends_with_its_worker(job: SealedJob) -> None:
    with start_trainer() as trainer:
        trainer.start_job(**job.order(trainer.hello))
        next(trainer.messages())
    assert not Path(f"/proc/{trainer.pid}").exists()


def test_public_records_are_read_without_running_anything(job: SealedJob, tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, inputs=np.array([{}], dtype=object), targets=np.zeros(1))
    with ThreadTrainer() as trainer:
        trainer.start_job(**job.order(trainer.hello, public_test=path.read_bytes()))
        with pytest.raises(TrainerFailed, match="protocol_broken"):
            list(trainer.messages())
