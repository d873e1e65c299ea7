"""Recompute a job's steps from ciphertexts, evaluation keys and stored answers: a trainer that deviated is found.

Evaluation is deterministic, so an honest step gives the very bytes whose digest the custodian answered and the log
recorded. The weights of each step follow from the answers before it.

What was recorded comes from the service, which could show another history to whoever rechecks. `require_certified`
holds it against the custodian's own list of what it decrypted, signed in the model's certificate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secure_ds.client.errors import ClientError
from secure_ds.training.encrypted.blocks import EncryptedBlocks
from secure_ds.training.encrypted.evaluation import evaluator_for
from secure_ds.training.encrypted.plan import EncryptedPlan, state_digest
from secure_ds.training.encrypted.release import digest_of
from secure_ds.wire.certificate import Predicate
from secure_ds.wire.jobs import StepView


class NotAsCertified(ClientError):
    """What the service says of a job is not what the custodian signed."""

    code = "not_as_certified"


@dataclass(frozen=True, slots=True)
class RecheckedStep:
    """One step, as it was recorded and as it came out again."""

    step: int
    recorded: str
    recomputed: str
    weights_agree: bool

    @property
    def agrees(self) -> bool:
        """Whether weights and ciphertext are the recorded ones."""
        return self.weights_agree and self.recorded == self.recomputed


def recheck(
    parts: Sequence[EncryptedBlocks], plan: EncryptedPlan, steps: Sequence[StepView], wanted: Sequence[int]
) -> Iterator[RecheckedStep]:
    """Recompute the wanted steps, one after the other.

    Args:
        parts: the files of the plan's data sets, as their owners signed them, in the order of the plan's facts.
        plan: the job's plan, computed again from its inputs.
        steps: all recorded steps of the job.
        wanted: which of them to recompute.

    Raises:
        ValueError: a wanted step was not recorded, or an earlier one has no answer.
        BlobChanged: a file is not what its owner signed for.
    """
    recorded = {step.step: step for step in steps}
    evaluator = evaluator_for(plan, parts)
    for number in wanted:
        if number not in recorded:
            raise ValueError(f"the job has recorded no step {number}")
        state = plan.state_after(_answers_before(recorded, number))
        step = recorded[number]
        agree = state_digest(state) == step.weights_digest
        yield RecheckedStep(number, step.ciphertext_digest, digest_of(evaluator.step(state)), agree)


def require_certified(
    claims: Predicate, job_id: str, descriptor_digests: Sequence[str], plan: EncryptedPlan, steps: Sequence[StepView]
) -> None:
    """Make sure that job, data set, plan and recorded steps are those of the job's certificate.

    Args:
        claims: of the certificate, its signature checked.
        job_id: the job that is rechecked.
        descriptor_digests: of the descriptors whose files it is recomputed from.
        plan: the job's plan, as the service says.
        steps: all recorded steps of the job, as the service says.

    Raises:
        NotAsCertified: one of them differs; names it.
    """
    said = [(step.step, step.weights_digest, step.ciphertext_digest) for step in steps]
    signed = [(entry.step, entry.weights_digest, entry.ciphertext_digest) for entry in claims.ledger]
    agree = {
        "job": job_id == claims.job_id,
        "data set": list(descriptor_digests) == [claim.descriptor_digest for claim in claims.data],
        "plan": plan.digest == claims.plan_digest,
        "steps": said == signed,
    }
    if differing := [name for name, same in agree.items() if not same]:
        raise NotAsCertified(f"what the service shows is not what the job's certificate states: {', '.join(differing)}")


def _answers_before(recorded: dict[int, StepView], number: int) -> list[list[int]]:
    answers = []
    for earlier in range(number):
        step = recorded.get(earlier)
        if step is None or step.answer is None:
            raise ValueError(f"step {earlier} has no answer, so the weights of step {number} are not known")
        answers.append([int(value) for value in step.answer])
    return answers
