"""`secure-ds job recheck`."""

from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from secure_ds.ckks.key_files import ROTATION, key_file_bytes
from secure_ds.cli.connection import Session, connected
from secure_ds.client.errors import ClientError
from secure_ds.client.package import DESCRIPTOR_FILE, Package, read_file
from secure_ds.client.recheck import NotAsCertified, RecheckedStep, require_certified
from secure_ds.client.recheck import recheck as recheck_steps
from secure_ds.client.verify import signed_statement
from secure_ds.data.descriptor import DatasetDescriptor, FileReference, KeyFile
from secure_ds.data.signed import open_own_descriptor
from secure_ds.training.encrypted.blocks import EncryptedBlocks
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.base import Message
from secure_ds.wire.certificate import Predicate


class StepView(Message):
    """One recomputed step."""

    step: int
    recorded: str
    recomputed: str
    agrees: bool


class TrainerDeviated(ClientError):
    """A step does not come out as it was recorded."""

    code = "trainer_deviated"


@click.command()
@click.argument("job_id")
@click.option("--step", "wanted", type=int, multiple=True, help="Step to recompute, from 0; repeatable. Else all.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Use an owner's package; of a collaboration's job one for each data set of another member.",
)
@connected
def recheck(session: Session, job_id: str, wanted: tuple[int, ...], packages: tuple[Path, ...]) -> None:
    """Recompute a job's steps from the ciphertexts, and compare what was decrypted.

    Every file is compared with the digest that the data's owner signed. Without --package the files are downloaded; the
    service hands out those of your own tenant alone. Members of a collaboration give their packages to an auditor who
    is none of them.
    The steps of a job that succeeded are those of its certificate, verified with the pinned key; of any other job they
    are what the service says, and so is the result.

    Exit code 0 means that every step agrees: the trainer did what the plan says.

    \b
    Example:
      secure-ds job recheck job_... --step 0 --step 3
    """
    job, steps = session.client.job(job_id), session.client.steps(job_id)
    given = {opened.descriptor.dataset_id: opened for opened in map(_package, packages)}
    parts = [_part(session, dataset_id, given.get(dataset_id)) for dataset_id in job.dataset_ids]
    plan = plan_from_json(job.plan)
    if job.model_id is None:
        session.printer.note("The job has no certificate: its steps are what the service says they were.")
    else:
        digests = [part.descriptor.digest for part in parts]
        require_certified(_claims(session, job.model_id), job.id, digests, plan, steps)
    found = list(recheck_steps(parts, plan, steps, wanted or range(len(steps))))
    columns = {
        "step": lambda view: view.step,
        "recorded": lambda view: view.recorded,
        "recomputed": lambda view: view.recomputed,
        "agrees": lambda view: "yes" if view.agrees else "NO",
    }
    session.printer.many([_view(step) for step in found], columns)
    if deviating := [step.step for step in found if not step.agrees]:
        raise TrainerDeviated(f"steps {deviating} do not follow from the ciphertexts, the plan and the answers before")


def _claims(session: Session, model_id: str) -> Predicate:
    certificate = session.client.download_certificate(session.client.model(model_id))
    statement = signed_statement(certificate, session.trust.pinned(session.profile.url))
    if statement is None:
        raise NotAsCertified("the job's certificate is not signed by the pinned certificate key")
    return statement.predicate


def _package(directory: Path) -> Package:
    """Open a package by the key that its own descriptor names; whose that is, the certificate says."""
    claimed = open_own_descriptor(read_file(directory / DESCRIPTOR_FILE))
    return Package(directory, Ed25519PublicKey.from_public_bytes(bytes.fromhex(claimed.upload_key)))


def _part(session: Session, dataset_id: str, owned: Package | None) -> EncryptedBlocks:
    """The files of one data set of the job, from wherever they are to be had."""
    descriptor = session.client.descriptor(dataset_id) if owned is None else owned.descriptor
    rotation_key = _rotation_key(session, descriptor)

    def read(reference: FileReference) -> bytes:
        if descriptor.group is not None and isinstance(reference, KeyFile):
            return session.client.group_file(descriptor.group.collaboration_id, reference.digest)
        if owned is not None and reference != rotation_key:
            return owned.read(reference)
        return session.client.download_blob(descriptor.dataset_id, reference.digest)

    return EncryptedBlocks(descriptor, read, rotation_key)


def _rotation_key(session: Session, descriptor: DatasetDescriptor) -> FileReference | None:
    """The custodian's key that moves answers to the data set's own, by the service's word: a wrong one gives no digest
    that the certificate lists."""
    if descriptor.rotation is None:
        return None
    digest = session.client.dataset(descriptor.dataset_id).rotation_key
    if digest is None:
        raise NotAsCertified("the service shows no rotation key of a data set that succeeds another one")
    return FileReference(digest=digest, bytes=key_file_bytes(ROTATION, descriptor.parameters))


def _view(step: RecheckedStep) -> StepView:
    return StepView(step=step.step, recorded=step.recorded, recomputed=step.recomputed, agrees=step.agrees)
