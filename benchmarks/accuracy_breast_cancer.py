"""Accuracy on held-out patients, private and encrypted through the service, beside plain logistic regression.

Breast-cancer records of scikit-learn (569 patients, 30 features), ten stratified 80/20 splits, each its own encrypted
data set and job at epsilon = 1, delta = 1e-5. Bounds are those declared in the repository, settings those of the rule;
neither was chosen on these records. The clear-text twin without noise tells what of a gap is the price of privacy.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.harness import PURPOSE, Owner, Trained, running_service
from benchmarks.rows import Row
from secure_ds.data.declared import declared_feature_map
from secure_ds.data.descriptor import Limits
from secure_ds.data.records import Records

SEEDS = range(10)
EPSILON, DELTA, LABEL = 1.0, 1e-5, "benign"
LIMITS = Limits(epsilon=EPSILON, delta=DELTA, purposes=(PURPOSE,), max_decryptions=32)
MOST_POINTS = 6.0
FEATURE_MAP = declared_feature_map("breast_cancer")


@dataclass(frozen=True)
class Split:
    """One split's accuracies, in per cent, and its job."""

    private: float
    without_noise: float
    plain: float
    job: Trained


def run() -> list[Row]:
    """Train on every split."""
    with running_service() as owner:
        splits = [_train(owner, seed) for seed in SEEDS]
    private, without_noise, plain = (
        np.array([getattr(split, name) for split in splits]) for name in ("private", "without_noise", "plain")
    )
    gap, steps = float(np.mean(plain - private)), [split.job.median_step for split in splits]
    return [
        Row(f"private and encrypted, mean of {len(SEEDS)} splits", float(private.mean()), "%"),
        Row("  lowest split", float(private.min()), "%"),
        Row("  highest split", float(private.max()), "%"),
        Row("clear-text twin without noise, mean", float(without_noise.mean()), "%"),
        Row("plain logistic regression, mean", float(plain.mean()), "%"),
        Row("below plain, mean", gap, "points", target=f"at most {MOST_POINTS:g}", holds=gap <= MOST_POINTS),
        Row("below plain, worst split", float(np.max(plain - private)), "points"),
        Row("steps of a job, by the rule", splits[0].job.plan.steps, "1"),
        Row("a step through the service, median of medians, wall clock", float(np.median(steps)), "s"),
        Row("statistical bits", splits[0].job.plan.statistical_bits, "bit"),
    ]


def _train(owner: Owner, seed: int) -> Split:
    train, test = split_records(seed)
    dataset = owner.upload(train, FEATURE_MAP, LABEL, LIMITS)
    job = owner.train(dataset.dataset_id, EPSILON, DELTA)
    without_noise = job.accuracy_without_noise(FEATURE_MAP, train, test, LABEL)
    return Split(100 * job.accuracy(test, LABEL), 100 * without_noise, 100 * _plain(train, test), job)


def split_records(seed: int) -> tuple[Records, Records]:
    """Return 80 % of the records to train on and 20 % to test on, with the classes' shares kept."""
    data = load_breast_cancer()
    columns = {str(name): data.data[:, index] for index, name in enumerate(data.feature_names)}
    records = Records({**columns, LABEL: data.target})
    rows, _ = train_test_split(np.arange(len(records)), test_size=0.2, random_state=seed, stratify=data.target)
    is_train = np.isin(np.arange(len(records)), rows)
    return records.where(is_train), records.where(~is_train)


def _plain(train: Records, test: Records) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(_matrix(train), train.columns[LABEL])
    return float(model.score(_matrix(test), test.columns[LABEL]))


def _matrix(records: Records) -> np.ndarray:
    return np.column_stack([column for name, column in records.columns.items() if name != LABEL])
