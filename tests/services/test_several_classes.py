"""Jobs on data sets of several classes, end to end inside one process: records to certified, verified, used model."""

from pathlib import Path

import numpy as np

from secure_ds.ckks.profiles import STRONG
from secure_ds.client.predict import predict_records
from secure_ds.client.recheck import recheck
from secure_ds.client.verify import verify_model
from secure_ds.data.records import Records
from secure_ds.training.encrypted.model_file import read_model
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.jobs import JobView, TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from tests.installation import PURPOSE, Installation

CLASSES = ("left", "middle", "right")


def three_classes(n: int = 600, seed: int = 1) -> Records:
    """Records in the square whose class is the nearest of three corners."""
    X = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    corners = np.array([[-1.0, -1.0], [0.0, 1.0], [1.0, -1.0]])
    label = ((X[:, None, :] - corners) ** 2).sum(axis=2).argmin(axis=1)
    return Records({"x0": X[:, 0], "x1": X[:, 1], "label": label.astype(float)})


def accuracy(installation: Installation, job: JobView, records: Records) -> float:
    model = read_model(installation.services.download_weights(installation.caller(), job.model_id or ""))
    assert model.classes == CLASSES
    found, scores = predict_records(model, records)
    assert scores.shape == (len(records), 3)
    return float(np.mean(found == records.columns["label"]))


def test_softmax_regression_from_records_to_a_verified_model(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller()
    descriptor = installation.ready_dataset(owner, three_classes(), classes=CLASSES)
    asked = {"algorithm": "encrypted_softmax_regression", "steps": 6, "radius": 3.0, "learning_rate": 9.0}
    request = TrainingRequest(dataset_id=descriptor.dataset_id, purpose=PURPOSE, epsilon=4.0, delta=1e-5, **asked)
    assert installation.services.quote_job(owner, request).levels == 3
    job = installation.submit(owner, descriptor.dataset_id, epsilon=4.0, **asked)
    installation.run()
    done = installation.services.show_job(owner, job.id)
    assert (done.state, done.failure, done.steps_done) == ("succeeded", None, 6)
    assert accuracy(installation, done, three_classes(2000, seed=2)) > 0.8
    weights = installation.services.download_weights(owner, done.model_id or "")
    certificate = installation.services.download_certificate(owner, done.model_id or "")
    report = verify_model(certificate, weights, installation.services.public_keys())
    assert report.passed, report.checks
    assert report.claims is not None
    assert report.claims.algorithm == "encrypted_softmax_regression"
    steps = installation.services.list_steps(owner, job.id).items
    again = recheck([stored_blocks(installation.context, descriptor)], plan_from_json(done.plan), steps, [0, 5])
    assert [step.agrees for step in again] == [True, True]


def test_two_classes_are_refused_with_the_algorithm_to_take(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller()
    descriptor = installation.ready_dataset(owner)
    request = TrainingRequest(
        dataset_id=descriptor.dataset_id,
        algorithm="encrypted_softmax_regression",
        purpose=PURPOSE,
        epsilon=1.0,
        delta=1e-5,
    )
    quote = installation.services.quote_job(owner, request)
    assert not quote.admissible
    assert "encrypted_logistic_regression" in quote.refusals[0]


def test_a_hidden_layer_network_from_records_to_a_verified_model(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller()
    descriptor = installation.ready_dataset(owner, three_classes(4000), classes=CLASSES, profile=STRONG)
    asked = {"algorithm": "encrypted_hidden_layer_network", "steps": 4, "hidden_units": 3, "seed": 3}
    job = installation.submit(owner, descriptor.dataset_id, epsilon=4.0, **asked)
    installation.run()
    done = installation.services.show_job(owner, job.id)
    assert (done.state, done.failure, done.steps_done) == ("succeeded", None, 4)
    assert accuracy(installation, done, three_classes(2000, seed=2)) > 0.5  # 0.7 seen, a third by chance
    weights = installation.services.download_weights(owner, done.model_id or "")
    assert {name: tensor.shape for name, tensor in read_model(weights).tensors.items()} == {
        "first": (3, 3),
        "second": (3, 3),
        "activation": (1, 2),
    }
    certificate = installation.services.download_certificate(owner, done.model_id or "")
    report = verify_model(certificate, weights, installation.services.public_keys())
    assert report.passed, report.checks
    steps = installation.services.list_steps(owner, job.id).items
    again = recheck([stored_blocks(installation.context, descriptor)], plan_from_json(done.plan), steps, [3])
    assert [step.agrees for step in again] == [True]
