"""Everything that leaves a trainer and depends on weights.

Rules kept here:

1. Steps are paid for first: nothing leaves before `spend` was answered by `spent` for its step.
2. The checkpoint of a step leaves before metrics and model of that step. A worker that keeps messages in their order
   has therefore never shown an outcome of a step that a resumed run would do again.
3. A model leaves with a signed statement that names it, and a run that ends early with a signed statement of the steps
   that were paid for: what it did not use is handed back on that word.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import torch

from secure_ds.privacy.canary_audit import audit_verdict
from secure_ds.trainer.channel import Channel
from secure_ds.trainer.errors import ProtocolBroken
from secure_ds.trainer.measuring import measure
from secure_ds.trainer.opening import classes_of
from secure_ds.trainer.order import Order
from secure_ds.trainer.session import Session
from secure_ds.training.dp.canaries import CanaryAudit
from secure_ds.training.dp.checkpoint import Checkpoint, CheckpointSeal
from secure_ds.training.dp.loop import TrainingRun
from secure_ds.training.dp.model_file import TrainedDpModel, write_dp_model


class Releases:
    """The releases of one job.

    Attributes:
        audit: of the job's canaries, where it has any; what it found goes with the model.
    """

    def __init__(self, order: Order, session: Session, channel: Channel) -> None:
        self._order, self._session, self._channel = order, session, channel
        self._spent = order.steps_spent
        self.audit: CanaryAudit | None = None

    def goes_on_from(self, steps_done: int) -> None:
        """Count the steps of the checkpoint that a run goes on from as used, whatever the order says was paid for."""
        self._spent = max(self._spent, steps_done)

    def release(self, run: TrainingRun, seal: CheckpointSeal, device: torch.device) -> None:
        """Pay for the steps done; send their checkpoint, and metrics where there are public records.

        Raises:
            ProtocolBroken, StopRequested, WorkerGone: they were not paid for.
        """
        self._spend(run.steps_done)
        self._channel.send("checkpoint", [seal.seal(self._checkpoint(run))], step=run.steps_done)
        if self._order.public_test is not None:
            task = self._order.plan.model["task"]
            found = measure(run.model, task, self._order.public_test, device)
            self._channel.send("metrics", step=run.steps_done, metrics=asdict(found))

    def model(self, run: TrainingRun) -> None:
        """Send the trained model, which its last step's release has paid for."""
        plan, descriptor = self._order.plan, self._order.descriptor
        trained = TrainedDpModel(
            tensors=run.checkpoint().model,
            config=plan.model,
            classes=classes_of(descriptor),
            schema=descriptor.records.to_json(),
            plan_digest=plan.digest,
        )
        file = write_dp_model(trained)
        evidence = None if self.audit is None else self._evidence(self.audit)
        statement, signature = self._session.vouch(self._order.job_id, plan.digest, file, evidence)
        self._channel.send("model", [file], statement=statement, signature=signature)

    def _evidence(self, audit: CanaryAudit) -> dict[str, Any]:
        """Return what the audit found. Raises `AuditContradictsClaim`: it disproves the claim, so no model leaves."""
        plan, result = self._order.plan, audit.result()
        audit_verdict(plan.epsilon_after(plan.steps), plan.request.delta, result)
        return result.to_json()

    def settle(self) -> None:
        """Send the signed statement of the steps that were paid for, unless that is all of them."""
        if self._spent >= self._order.plan.steps:
            return
        statement, signature = self._session.settle(self._order.job_id, self._order.plan.digest, self._spent)
        self._channel.send("settled", statement=statement, signature=signature)

    def _checkpoint(self, run: TrainingRun) -> Checkpoint:
        checkpoint = run.checkpoint()
        return checkpoint if self.audit is None else replace(checkpoint, audit=self.audit.state())

    def _spend(self, steps: int) -> None:
        if steps <= self._spent:
            return
        self._channel.send("spend", steps=steps)
        self._spent = steps  # from here on it may have been paid for
        message, _ = self._channel.expect("spent")
        if message.get("steps") != steps:
            raise ProtocolBroken(f"asked to spend {steps} steps, and was answered for another number")
