"""The main job on real data, acted out as a data owner would: through the public client and REST only.

Breast-cancer records of scikit-learn (569 patients, 30 features), 80 % of them encrypted and trained on, the rest held
out. The feature bounds are declared in the repository; nothing is fitted on the records before encryption.
"""

from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from secure_ds.ckks.profiles import DEFAULT
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
from secure_ds.client.client import Client
from secure_ds.client.owner import sealing_key, upload_package, wait_until_checked
from secure_ds.client.package import Declaration, Package, write_package
from secure_ds.client.predict import predict_records
from secure_ds.client.trust import TrustFile
from secure_ds.data.declared import declared_feature_map
from secure_ds.data.descriptor import Limits, PrivacyUnit
from secure_ds.data.records import Records
from secure_ds.training.encrypted.model_file import read_model
from secure_ds.wire.jobs import JobSubmit, JobView, TrainingRequest

LABEL = "benign"
CLASSES = ("malignant", "benign")
EPSILON, DELTA = 1.0, 1e-5
CHECK_SECONDS = 120.0
LIMITS = Limits(epsilon=2.0, delta=DELTA, purposes=(PURPOSE,), max_decryptions=64)


def demonstrate(url: str, owner_token: str, officer_token: str, directory: Path) -> Outcome:
    """Run the main job against a service that is up.

    Args:
        url: where the API listens.
        owner_token: of a data owner of the tenant "clinic" with the purpose "research".
        officer_token: of a compliance officer of that tenant.
        directory: empty; the package and the model are left there.

    Raises:
        DemonstrationFailed: certificate or log do not verify, or the job did not succeed.
    """
    train, test = _split()
    outcome = Outcome(
        private="accuracy on held-out patients, private and encrypted",
        plain="accuracy of plain logistic regression, same split",
        steps="one noisy decryption each",
    )
    with Client(url, owner_token) as owner:
        trust = TrustFile(directory / "trust.json")
        trust.pin(url, owner.public_keys())
        package = _encrypt(outcome, trust, url, train, directory)
        job = _train(outcome, owner, package)
        fetch_model(outcome, owner, trust, url, job, directory)
        outcome.budget = owner.budget(job.dataset_id)
    with Client(url, officer_token) as officer:
        verify_log(outcome, officer, trust, url, directory)
    _evaluate(outcome, train, test, directory)
    require_verified(outcome)
    return outcome


def _split() -> tuple[Records, Records]:
    data = load_breast_cancer()
    columns = {str(name): data.data[:, index] for index, name in enumerate(data.feature_names)}
    records = Records({**columns, LABEL: data.target})
    train, _ = train_test_split(np.arange(len(records)), test_size=0.2, random_state=0, stratify=data.target)
    is_train = np.isin(np.arange(len(records)), train)
    return records.where(is_train), records.where(~is_train)


def _encrypt(outcome: Outcome, trust: TrustFile, url: str, train: Records, directory: Path) -> Package:
    declaration = Declaration(
        TENANT, declared_feature_map("breast_cancer"), LABEL, CLASSES, LIMITS, PrivacyUnit(), DEFAULT
    )
    upload_key = Ed25519PrivateKey.generate()
    custodian_key = sealing_key(trust.pinned(url))
    with outcome.phase("encrypt on the owner's machine"):
        write_package(directory / "package", train, declaration, custodian_key, upload_key)
    return Package(directory / "package", upload_key.public_key())


def _train(outcome: Outcome, owner: Client, package: Package) -> JobView:
    with outcome.phase("upload and check"):
        with transferred("uploading") as progress:
            view = upload_package(owner, package, "breast cancer, 80 % of patients", 2, progress)
        view = wait_until_checked(owner, view.id, CHECK_SECONDS)
    blobs = sum(blob.bytes for blob in package.blobs())
    outcome.bytes_up = blobs + len(package.envelope) + len(package.sealed_key() or b"")
    if view.state != "ready":
        raise DemonstrationFailed(f"the data set is {view.state}: {view.refusal}")
    request = TrainingRequest(dataset_id=view.id, purpose=PURPOSE, epsilon=EPSILON, delta=DELTA)
    with outcome.phase("quote"):
        quote = owner.quote(request)
    with outcome.phase("train on ciphertexts"):
        job = owner.submit_job(JobSubmit(**request.model_dump(), plan_digest=quote.plan_digest))
        follow(job, owner.watch_job(job.id))
    outcome.job = owner.job(job.id)
    return outcome.job


def _evaluate(outcome: Outcome, train: Records, test: Records, directory: Path) -> None:
    with outcome.phase("evaluate on held-out patients"):
        labels, _ = predict_records(read_model((directory / MODEL_FILE).read_bytes()), test)
        outcome.private_accuracy = float(np.mean(labels == test.columns[LABEL]))
        plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        plain.fit(_matrix(train), train.columns[LABEL])
        outcome.plain_accuracy = float(plain.score(_matrix(test), test.columns[LABEL]))


def _matrix(records: Records) -> np.ndarray:
    return np.column_stack([column for name, column in records.columns.items() if name != LABEL])
