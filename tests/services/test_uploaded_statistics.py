"""Statistics in place of records: the same answer as from encrypted records, to the bit, and nothing else to be had."""

import random
from pathlib import Path

import numpy as np
import pytest

from secure_ds.ckks.profiles import STATISTICS, STRONG, Profile
from secure_ds.ckks.record_grid import on_grid
from secure_ds.client.verify import verify_model
from secure_ds.core.principal import Role
from secure_ds.services.errors import PlanInvalid
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan
from secure_ds.training.encrypted.least_squares.twin import clear_answer
from secure_ds.training.encrypted.planning import plan_from_json
from tests.installation import Installation
from tests.services.test_least_squares import ALGORITHM, three_classes

CLASSES = ("a", "b", "c")


@pytest.mark.parametrize("profile", [STATISTICS, STRONG], ids=lambda profile: profile.name)
def test_a_job_gives_the_twins_answer_and_says_that_norms_are_asserted(tmp_path: Path, profile: Profile) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db", noise=random.Random(7))
    services, owner = installation.services, installation.caller("alice", Role.DATA_OWNER)
    records = three_classes(9000)
    descriptor = installation.ready_dataset(owner, records, profile=profile, classes=CLASSES, statistics=True)
    assert (len(descriptor.blocks), descriptor.evaluation_keys) == (2, ())
    assert services.show_dataset(owner, descriptor.dataset_id).norms == "asserted"
    job = installation.submit(owner, descriptor.dataset_id, epsilon=2.0, algorithm=ALGORITHM)
    installation.run()
    done = services.show_job(owner, job.id)
    assert (done.state, done.failure) == ("succeeded", None)
    plan = plan_from_json(done.plan)
    assert isinstance(plan, LeastSquaresPlan)
    X, y = on_grid(descriptor.feature_map.apply(records)), records.columns["label"].astype(np.int64)
    answer = services.list_steps(owner, job.id).items[0].answer or ()
    assert [int(value) for value in answer] == clear_answer(plan, X, y, random.Random(7))
    weights = services.download_weights(owner, done.model_id or "")
    report = verify_model(services.download_certificate(owner, done.model_id or ""), weights, services.public_keys())
    assert report.passed
    assert report.claims is not None
    assert [claim.norms for claim in report.claims.data] == ["asserted"]


def test_nothing_but_a_private_model_of_least_squares_can_be_had_of_statistics(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller("alice", Role.DATA_OWNER)
    descriptor = installation.ready_dataset(
        owner, three_classes(50), profile=STATISTICS, classes=CLASSES, statistics=True
    )
    for asked in ({"algorithm": "encrypted_softmax_regression"}, {"algorithm": ALGORITHM, "release": "to_owner"}):
        with pytest.raises(PlanInvalid, match="holds statistics"):
            installation.submit(owner, descriptor.dataset_id, **asked)
