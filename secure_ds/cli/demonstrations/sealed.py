"""Sealed training on real data: a convolutional network learns scikit-learn's handwritten digits with DP-SGD.

1,797 images of 8 x 8 pixels, 80 % of them sealed and trained on in the memory of one trainer, the rest held out.
"""

from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from secure_ds.cli.commands.job.watch import follow
from secure_ds.cli.demonstrations.outcome import (
    MODEL_FILE,
    PURPOSE,
    TENANT,
    DemonstrationFailed,
    Outcome,
    fetch_model,
    require_verified,
    verify_log,
)
from secure_ds.cli.progress import transferred
from secure_ds.cli.sealed_prediction import predict_sealed
from secure_ds.client.client import Client
from secure_ds.client.owner import sealing_key, upload_package, wait_until_checked
from secure_ds.client.sealed_package import SealedDeclaration, SealedPackage, write_sealed_package
from secure_ds.client.trust import TrustFile
from secure_ds.data.records import Records
from secure_ds.data.sealed.descriptor import SealedLimits
from secure_ds.data.sealed.schema import ImageSchema, Label
from secure_ds.privacy.renyi import DEFAULT_ORDERS
from secure_ds.wire.jobs import SEALED, JobSubmit, JobView, TrainingRequest

EPSILON, DELTA = 4.0, 1e-5
LIMITS = SealedLimits(epsilon=8.0, delta=DELTA, purposes=(PURPOSE,), orders=DEFAULT_ORDERS)
SCHEMA = ImageSchema(
    column="image", channels=1, height=8, width=8, label=Label(column="digit", classes=tuple(map(str, range(10))))
)
GREY = 15  # of 16 levels, so that they fill a byte
CHECK_SECONDS = 60.0


def demonstrate(url: str, owner_token: str, officer_token: str, directory: Path) -> Outcome:
    """Run the job against a service that is up; arguments and errors are those of the encrypted demonstration."""
    train, test = _split()
    outcome = Outcome(
        private="accuracy on held-out images, private network, sealed",
        plain="accuracy of plain logistic regression, same split",
        steps="one noisy sum each, in the trainer's memory",
    )
    with Client(url, owner_token) as owner:
        trust = TrustFile(directory / "trust.json")
        trust.pin(url, owner.public_keys())
        package = _seal(outcome, trust, url, train, directory)
        job = _train(outcome, owner, package)
        fetch_model(outcome, owner, trust, url, job, directory)
        outcome.budget = owner.budget(job.dataset_id)
    with Client(url, officer_token) as officer:
        verify_log(outcome, officer, trust, url, directory)
    _evaluate(outcome, train, test, directory)
    require_verified(outcome)
    return outcome


def _split() -> tuple[Records, Records]:
    data = load_digits()
    images = (data.images * GREY).astype(np.uint8)[:, np.newaxis]
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, random_state=0, stratify=data.target)
    digits = data.target.astype(np.int64)
    return tuple(Records({"image": images[rows], "digit": digits[rows]}) for rows in (train, test))  # type: ignore[return-value]


def _seal(outcome: Outcome, trust: TrustFile, url: str, train: Records, directory: Path) -> SealedPackage:
    upload_key = Ed25519PrivateKey.generate()
    declaration = SealedDeclaration(TENANT, SCHEMA, LIMITS)
    with outcome.phase("seal on the owner's machine"):
        write_sealed_package(
            directory / "package", train.batches, declaration, sealing_key(trust.pinned(url)), upload_key
        )
    return SealedPackage(directory / "package", upload_key.public_key())


def _train(outcome: Outcome, owner: Client, package: SealedPackage) -> JobView:
    with outcome.phase("upload"):
        with transferred("uploading") as progress:
            view = upload_package(owner, package, "digits, 80 % of images", 2, progress)
        view = wait_until_checked(owner, view.id, CHECK_SECONDS)
    outcome.bytes_up = sum(part.bytes for part in package.blobs()) + len(package.envelope) + len(package.sealed_key())
    if view.state != "ready":
        raise DemonstrationFailed(f"the data set is {view.state}: {view.refusal}")
    request = TrainingRequest(dataset_id=view.id, algorithm=SEALED, purpose=PURPOSE, epsilon=EPSILON, delta=DELTA)
    with outcome.phase("quote"):
        quote = owner.quote(request)
    with outcome.phase("train with DP-SGD in the trainer"):
        job = owner.submit_job(JobSubmit(**request.model_dump(), plan_digest=quote.plan_digest))
        follow(job, owner.watch_job(job.id))
    outcome.job = owner.job(job.id)
    return outcome.job


def _evaluate(outcome: Outcome, train: Records, test: Records, directory: Path) -> None:
    with outcome.phase("evaluate on held-out images"):
        labels = predict_sealed((directory / MODEL_FILE).read_bytes(), test.columns["image"])
        outcome.private_accuracy = float(np.mean(labels == test.columns["digit"]))
        plain = LogisticRegression(max_iter=2000)
        plain.fit(_matrix(train), train.columns["digit"])
        outcome.plain_accuracy = float(plain.score(_matrix(test), test.columns["digit"]))


def _matrix(records: Records) -> np.ndarray:
    images = records.columns["image"]
    return images.reshape(len(images), -1) / (16.0 * GREY)
