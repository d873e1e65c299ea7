"""An installation whose data set is ready and whose first job waits: made once a test run, copied for each test."""

import atexit
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hsm.interface import KeyStore
from secure_ds.core.evaluators import NOBODY, Evaluators
from secure_ds.core.principal import Caller, Role
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.evaluation import EvaluatorIdentity
from secure_ds.privacy.discrete_gaussian import RandomBits, SystemRandomBits
from secure_ds.services.planning import plan_for
from secure_ds.services.run_job import Task, claim, spend_step, store_answer
from secure_ds.training.encrypted.evaluation import evaluator_for
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.plan import state_digest
from secure_ds.training.encrypted.release import digest_of
from secure_ds.wire.custodian import StepQuestion
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import JobView, TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from tests.installation import Installation, random_records, software_keystore

STEPS = 3
SETTINGS = {"radius": 4.0, "steps": STEPS, "learning_rate": 4.5}
MAX_DECRYPTIONS = 8


@dataclass(frozen=True)
class Prepared:
    """A copy of the prepared installation, with what a test asks about it."""

    installation: Installation
    owner: Caller
    descriptor: DatasetDescriptor
    job: JobView

    @property
    def dataset_id(self) -> str:
        """The data set that is ready."""
        return self.descriptor.dataset_id


class Hands:
    """A worker's side of one job, one act at a time, so that a test can leave out, repeat or falsify any of them."""

    def __init__(self, installation: Installation, evaluator: EvaluatorIdentity | None = None) -> None:
        self.context = replace(installation.context, evaluator=evaluator)
        task = claim(self.context, "worker-by-hand", 60.0)
        assert task is not None
        assert task.job is not None
        self.installation = installation
        self.task: Task = task
        self.job = task.job
        self.descriptor = open_own_descriptor(task.dataset.envelope)
        plan = plan_for([self.descriptor], TrainingRequest.model_validate(dict(self.job.request)))
        assert isinstance(plan, LogisticPlan)
        self.plan = plan
        self.answers: list[list[int]] = []
        self._evaluator = evaluator_for(plan, [stored_blocks(installation.context, self.descriptor)])

    @property
    def step(self) -> int:
        """The step whose turn it is."""
        return len(self.answers)

    @property
    def weights_digest(self) -> str:
        """Digest of the weights that the step starts from."""
        return state_digest(self.plan.state_after(self.answers))

    def evaluate(self) -> bytes:
        """Return the ciphertext of the step whose turn it is."""
        return self._evaluator.step(self.plan.state_after(self.answers))[0]

    def pay(self, ciphertext: bytes) -> None:
        """Spend the step in the service's ledger."""
        spend_step(self.installation.context, self.task, self.step, self.weights_digest, digest_of([ciphertext]))

    def question(self, ciphertext: bytes, **changes: object) -> StepQuestion:
        """Return what an honest worker asks about the step, but for the changes."""
        honest = {
            "grant": Envelope.model_validate_json(self.job.grant),
            "job_id": self.job.id,
            "step": self.step,
            "fence": self.task.lease.fence,
            "weights_digest": self.weights_digest,
            "ciphertexts": [as_text(ciphertext)],
        }
        return StepQuestion.model_validate(honest | changes)

    def carry_out(self) -> list[int]:
        """Do the whole step honestly, and go on to the next."""
        ciphertext = self.evaluate()
        self.pay(ciphertext)
        answer = [int(value) for value in self.installation.context.custody.answer(self.question(ciphertext)).answer]
        store_answer(self.installation.context, self.task, self.step, answer, {})
        self.answers.append(answer)
        return answer


def prepared(
    home: Path,
    open_keystore: Callable[[Path], KeyStore] = software_keystore,
    noise: RandomBits | None = None,
    evaluators: Evaluators = NOBODY,
) -> Prepared:
    """Copy the prepared installation into `home` and open it there, perhaps with other parts."""
    template, dataset_id, job_id = _template()
    shutil.copytree(template, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("package-*"))
    installation = Installation(
        home,
        f"sqlite:///{home}/service.db",
        noise=noise or SystemRandomBits(),
        keystore=open_keystore(home / "keys.sdkf"),
        evaluators=evaluators,
    )
    owner = installation.caller("alice", Role.DATA_OWNER)
    with installation.store.read() as work:
        row = work.datasets.get(dataset_id)
    assert row is not None
    return Prepared(
        installation, owner, open_own_descriptor(row.envelope), installation.services.show_job(owner, job_id)
    )


def as_text(data: bytes) -> str:
    """Return bytes as the messages carry them."""
    return b64encode(data).decode()


def another_valid(ciphertext: bytes) -> bytes:
    """Return a ciphertext of the same form with one residue changed."""
    return ciphertext[:-8] + (b"\0" * 8 if any(ciphertext[-8:]) else b"\1" + b"\0" * 7)


@cache
def _template() -> tuple[Path, str, str]:
    home = Path(tempfile.mkdtemp(prefix="prepared-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    keystore = software_keystore(home / "keys.sdkf")
    installation = Installation(home, f"sqlite:///{home}/service.db", keystore=keystore)
    owner = installation.caller("alice", Role.DATA_OWNER)
    descriptor = installation.ready_dataset(owner, random_records(), max_decryptions=MAX_DECRYPTIONS)
    job = installation.submit(owner, descriptor.dataset_id, epsilon=2.0, **SETTINGS)
    keystore.close()
    return home, descriptor.dataset_id, job.id
