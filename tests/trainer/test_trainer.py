"""A trainer as a process of its own, from sealed files to a model."""

from pathlib import Path

from secure_ds.core.digest import digest_bytes
from secure_ds.jobs.sealed_model import read_model_statement
from secure_ds.jobs.settlement import signature_holds
from secure_ds.training.dp.model_file import read_dp_model
from secure_ds.worker.trainer_process import start_trainer
from tests.trainer.sealed_job import CLASSES, Ledger, make_job, public_test


def test_from_sealed_records_to_a_model(tmp_path: Path) -> None:
    job, ledger = make_job(tmp_path, steps=60, epsilon=8.0), Ledger()
    with start_trainer() as trainer:
        trainer.start_job(**job.order(trainer.hello, checkpoint_every=25, public_test=public_test()))
        for _ in ledger.follow(trainer):
            pass
    kinds = [message["kind"] for message, _ in ledger.heard if message["kind"] != "progress"]
    assert kinds == [*["spend", "checkpoint", "metrics"] * 3, "model"]
    assert [message["steps"] for message, _ in ledger.of("spend")] == [25, 50, 60]
    last = ledger.of("progress")[-1][0]
    assert (last["step"], last["steps"], last["epsilon"]) == (60, 60, job.plan.epsilon_after(60))
    assert ledger.of("metrics")[-1][0]["metrics"]["accuracy"] > 0.85
    (message, (file,)) = ledger.heard[-1]
    model = read_dp_model(file)
    assert (model.classes, model.plan_digest, model.config) == (CLASSES, job.plan.digest, job.plan.model)
    assert signature_holds(message["statement"], message["signature"], trainer.hello.signing_key)
    assert read_model_statement(message["statement"]).weights == digest_bytes(file)
