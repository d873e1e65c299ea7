"""The main job, end to end inside one process, on both databases: the smallest test that everything fits together."""

from pathlib import Path

import numpy as np

from secure_ds.ckks.profiles import STRONG
from secure_ds.client.recheck import recheck
from secure_ds.client.verify import verify_model
from secure_ds.core.principal import Role
from secure_ds.training.encrypted.model_file import read_model
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.training.encrypted.prediction import labels, scores
from secure_ds.worker.blobs import stored_blocks
from tests.installation import Installation, random_records


def test_a_job_from_records_to_certified_model(tmp_path: Path, database_url: str) -> None:
    installation = Installation(tmp_path, database_url)
    owner = installation.caller("alice", Role.DATA_OWNER)
    records = random_records(n=2000)
    descriptor = installation.ready_dataset(owner, records, profile=STRONG)
    job = installation.submit(owner, descriptor.dataset_id, epsilon=2.0, radius=4.0, steps=4, learning_rate=4.5)
    installation.run()
    done = installation.services.show_job(owner, job.id)
    assert (done.state, done.failure, done.steps_done) == ("succeeded", None, done.steps_total)
    assert done.model_id is not None
    model = read_model(installation.services.download_weights(owner, done.model_id))
    right = labels(scores(model, descriptor.feature_map.apply(records))) == records.columns["label"]
    assert np.mean(right) > 0.8
    certificate = installation.services.download_certificate(owner, done.model_id)
    weights = installation.services.download_weights(owner, done.model_id)
    report = verify_model(certificate, weights, installation.services.public_keys())
    assert report.passed, report.checks
    blocks = stored_blocks(installation.context, descriptor)
    steps = installation.services.list_steps(owner, job.id).items
    again = recheck([blocks], plan_from_json(done.plan), steps, [0, 3])
    assert [step.agrees for step in again] == [True, True]
    budget = installation.services.show_budget(owner, descriptor.dataset_id)
    assert budget.epsilon_reserved == 0
    assert 0 < budget.epsilon_spent <= 2.0
    assert budget.decryptions_used == done.steps_total


def test_a_job_whose_epsilon_cannot_be_doubled_is_certified_all_the_same(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller("alice")
    descriptor = installation.ready_dataset(owner, profile=STRONG, epsilon=6.0, max_decryptions=4096)
    job = installation.submit(owner, descriptor.dataset_id, epsilon=5.0, radius=4.0, steps=1)
    installation.run()
    done = installation.services.show_job(owner, job.id)
    assert (done.state, done.failure) == ("succeeded", None)
    certificate = installation.services.download_certificate(owner, done.model_id or "")
    weights = installation.services.download_weights(owner, done.model_id or "")
    report = verify_model(certificate, weights, installation.services.public_keys())
    assert report.passed
    assert report.claims is not None
    assert [each.epsilon for each in report.claims.privacy.persons_in_several] == [None]
