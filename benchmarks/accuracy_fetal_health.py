"""Cardiotocograms, three classes: the hidden-layer network beside the linear model, in the clear and encrypted.

2,126 records of 21 measures (UCI), row number divisible by 5 to test; neighbouring rows often come from one recording,
so any split by rows is optimistic, for every model alike. Bounds are those declared in the repository, settings those
of the rules, neither chosen on these records. The classes are unequal (78, 14 and 8 %): balanced accuracy stands beside
accuracy.

*Without noise* both models get what their rules give the strongest signals, for the network's number of steps: what the
circuits can express. *Private* is the clear-text twin with the rule's settings for 1,700 records and the custodian's
noise; at this size the rule makes the network nearly linear, and the linear model is the one to take. *Encrypted* is
one job each through the service.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from benchmarks.data_files import data_file
from benchmarks.harness import PURPOSE, Owner, running_service
from benchmarks.rows import Row
from secure_ds.ckks.profiles import DEFAULT
from secure_ds.client.predict import predict_records
from secure_ds.data.declared import declared_feature_map
from secure_ds.data.descriptor import Limits
from secure_ds.data.loading import load_csv
from secure_ds.data.records import Records
from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.hidden_layer import twin as network_twin
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan, make_hidden_layer_plan, plan_with
from secure_ds.training.encrypted.hidden_layer.rule import strongest
from secure_ds.training.encrypted.request import PlanRequest
from secure_ds.training.encrypted.softmax import twin as linear_twin
from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan, make_softmax_plan

LABEL, CLASSES = "fetal_health", ("normal", "suspect", "pathological")
EPSILONS, DELTA, SEEDS = (1.0, 4.0), 1e-5, range(5)
LIMITS = Limits(epsilon=6.0, delta=DELTA, purposes=(PURPOSE,), max_decryptions=256)
FEATURE_MAP = declared_feature_map("fetal_health")
LINEAR_RADIUS, LINEAR_RATE = 3.0, 3.0  # of the strongest signals, for scores that are shares of probability

Labels = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Accuracy and balanced accuracy, in per cent."""

    accuracy: float
    balanced: float

    @classmethod
    def of(cls, found: Labels, truth: Labels) -> "Scored":
        """Compare labels."""
        right = found == truth
        by_class = [right[truth == label].mean() for label in range(len(CLASSES))]
        return cls(100 * float(right.mean()), 100 * float(np.mean(by_class)))

    def rows(self, name: str) -> list[Row]:
        """Return both as rows."""
        return [Row(name, self.accuracy, "%"), Row("  balanced over classes", self.balanced, "%")]


class Task:
    """The records, split, and the twins on them."""

    def __init__(self) -> None:
        records = load_csv(data_file("fetal_health.csv.gz"))
        numbers = {name: records.numeric(name) for name in records.columns}
        whole = Records({**numbers, LABEL: numbers[LABEL] - 1})
        held_out = np.arange(len(whole)) % 5 == 0
        self.train, self.test = whole.where(~held_out), whole.where(held_out)

    @cached_property
    def mapped(self) -> tuple[Array, Labels, Array, Labels]:
        """Mapped records and labels to train on and to test on."""
        parts = (self.train, self.test)
        (X, y), (held_out, truth) = ((FEATURE_MAP.apply(part), part.columns[LABEL].astype(np.int64)) for part in parts)
        return X, y, held_out, truth

    def network(self, plan: HiddenLayerPlan, noise: RandomBits | None) -> Scored:
        """Train and score the network's twin."""
        X, y, held_out, truth = self.mapped
        network = network_twin.train_clear_twin(plan, X, y, noise)
        hidden = plan.circuit.activation(held_out @ network.first.T)
        return Scored.of((hidden @ network.second.T).argmax(axis=1), truth)

    def linear(self, plan: SoftmaxPlan, noise: RandomBits | None) -> Scored:
        """Train and score the linear model's twin."""
        X, y, held_out, truth = self.mapped
        weights = linear_twin.train_clear_twin(plan, X, y, noise)
        return Scored.of((held_out @ weights.T).argmax(axis=1), truth)

    def plain(self) -> Scored:
        """Score plain logistic regression on the mapped records."""
        X, y, held_out, truth = self.mapped
        return Scored.of(LogisticRegression(C=100, max_iter=5000).fit(X, y).predict(held_out), truth)


def run() -> list[Row]:
    """Upload once, train an encrypted model of either kind, and the twins."""
    task = Task()
    with running_service() as owner:
        facts, encrypted = _encrypted(owner, task)
    without_noise, held = _without_noise(task, facts)
    return [
        Row("records to train on, features with the bias", len(task.train), f"x {FEATURE_MAP.n_features}"),
        *without_noise,
        *held,
        *task.plain().rows("plain logistic regression, not private"),
        *[row for epsilon in EPSILONS for row in _private(task, facts, epsilon)],
        *encrypted,
    ]


def _encrypted(owner: Owner, task: Task) -> tuple[JobFacts, list[Row]]:
    dataset = owner.upload(task.train, FEATURE_MAP, LABEL, LIMITS, CLASSES, DEFAULT)
    rows = []
    for algorithm in (SoftmaxPlan.algorithm, HiddenLayerPlan.algorithm):
        job = owner.train(dataset.dataset_id, EPSILONS[0], DELTA, algorithm=algorithm)
        found, _ = predict_records(job.model, task.test)
        rows += Scored.of(found, task.mapped[3]).rows(f"{algorithm}, encrypted, epsilon = {EPSILONS[0]:g}")
        rows.append(Row("  seconds of its median step", job.median_step, "s"))
    return job.plan.facts, rows


def _without_noise(task: Task, facts: JobFacts) -> tuple[list[Row], list[Row]]:
    network_plan = plan_with(facts, _request(HiddenLayerPlan.algorithm, EPSILONS[0]), strongest())
    asked = _request(
        SoftmaxPlan.algorithm,
        EPSILONS[0],
        steps=network_plan.steps,
        radius=len(CLASSES) * LINEAR_RADIUS,
        learning_rate=len(CLASSES) * LINEAR_RATE,
    )
    network, linear = task.network(network_plan, None), task.linear(make_softmax_plan(facts, asked), None)
    rows = [*linear.rows("linear model, without noise"), *network.rows("hidden-layer network, without noise")]
    gain, balanced = network.accuracy - linear.accuracy, network.balanced - linear.balanced
    held = [
        Row("  gain of the network, accuracy", gain, "points", target="above 0", holds=gain > 0),
        Row("  gain of the network, balanced accuracy", balanced, "points", target="above 0", holds=balanced > 0),
    ]
    return rows, held


def _private(task: Task, facts: JobFacts, epsilon: float) -> list[Row]:
    linear = make_softmax_plan(facts, _request(SoftmaxPlan.algorithm, epsilon))
    network = make_hidden_layer_plan(facts, _request(HiddenLayerPlan.algorithm, epsilon))
    seeds = f"epsilon = {epsilon:g}, mean of {len(SEEDS)} seeds"
    return [
        *_mean(lambda noise: task.linear(linear, noise)).rows(f"linear model, private, {seeds}"),
        *_mean(lambda noise: task.network(network, noise)).rows(f"hidden-layer network, private, {seeds}"),
    ]


def _mean(score: Callable[[RandomBits], Scored]) -> Scored:
    scores = [score(random.Random(seed)) for seed in SEEDS]
    return Scored(
        float(np.mean([each.accuracy for each in scores])), float(np.mean([each.balanced for each in scores]))
    )


def _request(algorithm: str, epsilon: float, **choices: float) -> PlanRequest:
    return PlanRequest(algorithm=algorithm, epsilon=epsilon, delta=DELTA, purpose=PURPOSE, **choices)  # type: ignore[arg-type]
