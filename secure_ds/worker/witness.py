"""How the two workers of a job under dual evaluation wait for each other.

Rules:
    - A worker attests what it computed itself, before it looks at what the other attested.
    - Two different ciphertexts end the job; nobody tries again until they happen to agree.
    - Waiting is looking every `POLL_SECONDS`, under a lease that the heartbeat renews. It ends when the job is asked to
      stop, when the worker ends, and when this half is given up for a job that waits for this worker's domain.
"""

import threading
import time
from collections.abc import Callable

from secure_ds.jobs.evaluation import Evaluation
from secure_ds.services.context import ServiceContext
from secure_ds.services.evaluations import Standing, attest, give_way, identity_of, let_go, standing_of
from secure_ds.services.run_job import Task
from secure_ds.store.errors import AttestationConflict, LeaseLost

POLL_SECONDS = 0.2


class CancelRequested(Exception):
    """The job was asked to stop while this worker waited."""


class EvaluationConflict(Exception):
    """Workers evaluated a step differently: one of them deviated, or one of their machines is broken.

    Attributes:
        details: what the log is told: the step, and who attested which ciphertext.
    """

    code = "evaluation_conflict"

    def __init__(self, own: str, evaluation: Evaluation, others: tuple[tuple[str, str], ...]) -> None:
        said = [(own, evaluation.ciphertext_digest), *others]
        listed = ", ".join(f"{domain} {digest}" for domain, digest in said)
        super().__init__(f"step {evaluation.step} was evaluated differently ({listed}); nothing of it was released")
        self.details = {
            "code": self.code,
            "step": evaluation.step,
            "evaluations": [{"domain": domain, "ciphertext": digest} for domain, digest in said],
        }


class EvaluationUnconfirmed(Exception):
    """No worker of another domain evaluated a step in time."""

    code = "evaluation_unconfirmed"


def bear_witness(context: ServiceContext, task: Task, evaluation: Evaluation) -> None:
    """Attest what this worker computed.

    Raises:
        EvaluationConflict: this very worker computed something else for the step before.
    """
    try:
        attest(context, task, evaluation)
    except AttestationConflict:
        own = identity_of(context).domain
        raise EvaluationConflict(own, evaluation, standing_of(context, task, evaluation).verdict.others) from None


def wait_for_confirmation(context: ServiceContext, task: Task, evaluation: Evaluation, ending: threading.Event) -> None:
    """Wait until another domain attested the same, for the context's `confirmation_seconds` at most.

    Raises:
        EvaluationConflict: it attested something else.
        EvaluationUnconfirmed: nobody came in time.
        CancelRequested: the job was asked to stop.
        LeaseLost: this worker no longer holds its half of the job.
    """
    deadline = time.monotonic() + context.confirmation_seconds

    def confirmed(standing: Standing) -> bool:
        if standing.verdict.confirmed:
            return True
        if standing.cancel_requested:
            raise CancelRequested
        if time.monotonic() > deadline:
            waited = f"{context.confirmation_seconds:g} s"
            raise EvaluationUnconfirmed(f"no worker of another domain evaluated step {evaluation.step} in {waited}")
        return False

    _wait(context, task, evaluation, ending, confirmed)


def wait_for_answer(context: ServiceContext, task: Task, evaluation: Evaluation, ending: threading.Event) -> None:
    """Wait until the answer to a step that this worker confirmed is stored, for as long as the job lives.

    Raises:
        EvaluationConflict: the other worker attested something else.
        CancelRequested: the job was asked to stop, and nobody holds its other half.
        LeaseLost: this worker no longer holds its half of the job.
    """

    def answered(standing: Standing) -> bool:
        if standing.cancel_requested and standing.alone and not standing.answered:
            raise CancelRequested
        return standing.answered

    _wait(context, task, evaluation, ending, answered)


def _wait(
    context: ServiceContext,
    task: Task,
    evaluation: Evaluation,
    ending: threading.Event,
    is_over: Callable[[Standing], bool],
) -> None:
    while True:
        standing = standing_of(context, task, evaluation)
        if standing.verdict.others:
            raise EvaluationConflict(identity_of(context).domain, evaluation, standing.verdict.others)
        if is_over(standing):
            return
        if ending.wait(POLL_SECONDS):
            let_go(context, task)
            raise LeaseLost("this worker ends; its half of the job was given back")
        if standing.wanted and give_way(context, task):
            raise LeaseLost("this half of the job was given up for a job that waits for this worker's domain")
