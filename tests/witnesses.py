"""Two workers of two domains, and an installation whose one job is under dual evaluation."""

from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.core.evaluators import Evaluator, Evaluators
from secure_ds.jobs.evaluation import Attestation, Evaluation, EvaluatorIdentity
from secure_ds.training.encrypted.release import digest_of
from secure_ds.worker.loop import Worker
from tests.installation import Installation
from tests.prepared import SETTINGS, Hands, Prepared, prepared

NORTH, NORTH_TOO, SOUTH, STRANGER = (
    EvaluatorIdentity(domain, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, domain in enumerate(("north", "north", "south", "south"), start=1)
)
LISTED = Evaluators(tuple(Evaluator(domain=who.domain, public_key=who.public_key) for who in (NORTH, NORTH_TOO, SOUTH)))


def with_dual_job(home: Path, evaluators: Evaluators = LISTED) -> Prepared:
    """The prepared installation, where the job that waits is under dual evaluation."""
    ready = prepared(home, evaluators=evaluators)
    ready.installation.services.cancel_job(ready.owner, ready.job.id)
    ready.installation.run()  # takes the cancelled job off the queue
    job = ready.installation.submit(ready.owner, ready.dataset_id, epsilon=2.0, dual_evaluation=True, **SETTINGS)
    return replace(ready, job=job)


def worker_of(installation: Installation, evaluator: EvaluatorIdentity | None, **settings: float) -> Worker:
    """A worker process' loop, with a key of its own."""
    context = replace(installation.context, evaluator=evaluator, **settings)
    return Worker(context, lease_seconds=30.0, checkpoint_seconds=60.0)


def evaluation(hands: Hands, ciphertext: bytes, **changes: object) -> Evaluation:
    """What an honest worker says of the step whose turn it is, but for the changes."""
    honest = Evaluation(hands.job.id, hands.step, hands.plan.digest, hands.weights_digest, digest_of([ciphertext]))
    return replace(honest, **changes)  # type: ignore[arg-type]


def store(installation: Installation, *said: Attestation) -> None:
    """Write attestations into the service's database, true or forged: what whoever holds that database can do."""
    with installation.store.write() as work:
        for attestation in said:
            work.attestations.add(attestation)
