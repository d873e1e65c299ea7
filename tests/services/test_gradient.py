"""What comes back through the whole path is the gradient of the records in the clear: within the planner's bound, plus
the noise that was drawn, rounded to the public grid. Nothing else is in it.

Records go in at the client, answers come out of the job's recorded steps; in between is everything: encryption, upload,
norm check, worker, custodian. Only the source of noise is the test's own, so that it can be drawn again and subtracted;
and the decryption is overheard before it is rounded, since the grid is coarser than the planner's bound.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secure_ds.ckks.decryption import decrypt_released
from secure_ds.ckks.profiles import FAST
from secure_ds.ckks.weights import unpack
from secure_ds.custodian import answering
from secure_ds.data.records import FloatArray, Records, class_labels
from secure_ds.privacy.discrete_gaussian import sample_discrete_gaussian
from secure_ds.services.planning import plan_for
from secure_ds.training.encrypted import release
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.logistic.twin import clear_gradient
from secure_ds.wire.jobs import TrainingRequest
from tests.installation import Installation
from tests.templates import sqlite_file

BLOCK = FAST.parameters.poly_modulus_degree
RADIUS = 4.0
STEPS = 3
SEED = 20


class Job:
    """A finished job on records whose clear form the test knows."""

    def __init__(self, home: Path, records: Records, *, steps: int = STEPS) -> None:
        (home / "service.db").write_bytes(sqlite_file().read_bytes())
        installation = Installation(home, f"sqlite:///{home}/service.db", noise=random.Random(SEED))
        owner = installation.caller()
        self.descriptor = installation.ready_dataset(owner, records)
        settings = {"radius": RADIUS, "steps": steps, "learning_rate": 100.0, "momentum": 0.0}
        view = installation.submit(owner, self.descriptor.dataset_id, epsilon=2.0, **settings)
        self.decrypted = _overheard(installation)
        assert installation.services.show_job(owner, view.id).state == "succeeded"
        recorded = installation.services.list_steps(owner, view.id).items
        self.answers = [[int(value) for value in step.answer or []] for step in recorded]
        with installation.store.read() as work:
            row = work.jobs.get(view.id)
        assert row is not None
        plan = plan_for([self.descriptor], TrainingRequest.model_validate(dict(row.request)))
        assert isinstance(plan, LogisticPlan)
        self.plan = plan
        self.X: FloatArray = self.descriptor.feature_map.apply(records)
        self.labels = class_labels(records, "label", 2)

    def weights(self, step: int) -> FloatArray:
        """The weights that a step started from."""
        return self.plan.state_after(self.answers[:step])

    def errors(self, noise: list[list[int]]) -> list[float]:
        """Per step, the l2 distance of what was decrypted, less some noise, from the gradient in the clear."""
        return [self._error(step, extra) for step, extra in enumerate(noise)]

    def drawn_noise(self) -> list[list[int]]:
        """The noise of every step, drawn once more from the same bits."""
        bits, count = random.Random(SEED), self.X.shape[1]
        return [sample_discrete_gaussian(self.plan.releases(0)[0].variances[0], count, bits) for _ in self.answers]

    def silence(self) -> list[list[int]]:
        """No noise at all, in the same shape."""
        return [[0] * self.X.shape[1] for _ in self.answers]

    def _error(self, step: int, noise: list[int]) -> float:
        quiet = [value - extra for value, extra in zip(self.decrypted[step], noise, strict=True)]
        clear = clear_gradient(self.plan, self.weights(step), self.X, self.labels)
        return float(np.linalg.norm(unpack(quiet, self.plan.circuit) - clear))


def _overheard(installation: Installation) -> list[list[int]]:
    """Run everything there is to do; return what the custodian decrypted, noise included, before rounding."""
    heard: list[list[int]] = []

    def listen(*arguments: Any, **settings: Any) -> list[int]:
        heard.append(decrypt_released(*arguments, **settings))
        return heard[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(answering, "decrypt_released", listen)
        installation.run()
    return heard


def uniform(n: int, columns: int, seed: int = 4) -> Records:
    """Records all over the declared bounds."""
    draw = np.random.default_rng(seed)
    X = draw.uniform(-1, 1, (n, columns))
    return Records({**{f"x{j}": X[:, j] for j in range(columns)}, "label": draw.integers(0, 2, n).astype(float)})


def all_equal(n: int, columns: int, value: float = 1.0, label: float = 0.0) -> Records:
    """The same record n times, at the edge of the declared bounds: every record pulls the same way."""
    return Records({**{f"x{j}": np.full(n, value) for j in range(columns)}, "label": np.full(n, label)})


def opposed(n: int, columns: int) -> Records:
    """Half of the records against the other half, so that sums cancel and only errors would remain."""
    sign = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    return Records({**{f"x{j}": sign for j in range(columns)}, "label": (sign > 0).astype(float)})


CASES: dict[str, Callable[[], Records]] = {
    "random": lambda: uniform(60, 3),
    "one record": lambda: uniform(1, 3),
    "one feature": lambda: uniform(60, 1),
    "a full block": lambda: uniform(BLOCK, 2),
    "some slots with two records": lambda: uniform(BLOCK // 2 + 100, 2),
    "three blocks, one record in the last": lambda: uniform(2 * BLOCK + 1, 2),
    "two blocks, the last ragged": lambda: all_equal(BLOCK + 37, 2),
    "opposed": lambda: opposed(1000, 3),
}


@pytest.mark.parametrize("records", CASES.values(), ids=CASES.keys())
def test_the_gradient_is_that_of_the_clear_plus_the_noise_that_was_drawn(
    tmp_path: Path, records: Callable[[], Records]
) -> None:
    job = Job(tmp_path, records())
    assert len(job.answers) == STEPS
    assert max(job.errors(job.drawn_noise())) <= job.plan.circuit.beta
    assert job.answers == [[job.plan.releases(0)[0].to_grid(value) for value in each] for each in job.decrypted]


@pytest.mark.slow
def test_three_hundred_features(tmp_path: Path) -> None:
    job = Job(tmp_path, uniform(300, 299), steps=2)
    assert job.X.shape[1] == 300
    assert max(job.errors(job.drawn_noise())) <= job.plan.circuit.beta


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_scores_at_the_edge_of_the_cubic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: float) -> None:
    """Without noise the weights of equal records run straight to the radius, and every |z| is R."""
    monkeypatch.setattr(release, "sample_discrete_gaussian", lambda _, count, __: [0] * count)
    job = Job(tmp_path, all_equal(BLOCK + 5, 3, label=label))
    assert np.abs(job.X @ job.weights(1)).min() > RADIUS * 0.999
    assert max(job.errors(job.silence())) <= job.plan.circuit.beta


def test_the_noise_is_really_there_and_the_bound_is_not_lax(tmp_path: Path) -> None:
    job = Job(tmp_path, uniform(60, 3))
    assert min(job.errors(job.silence())) > 1000 * job.plan.circuit.beta
    assert job.plan.circuit.beta < 1e-2  # of sums of 60 records
