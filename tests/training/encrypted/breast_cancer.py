"""scikit-learn's breast-cancer records through the bounds declared in the repository, split 80/20 by a seed."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records

N_TRAIN, N_FEATURES = 456, 31


@dataclass(frozen=True)
class Split:
    """Mapped records and labels for training and testing, and what plain logistic regression reaches."""

    train: npt.NDArray[np.float64]
    train_labels: npt.NDArray[np.int64]
    test: npt.NDArray[np.float64]
    test_labels: npt.NDArray[np.int64]
    plain_accuracy: float


def split(seed: int) -> Split:
    """Return the 80/20 split of that seed."""
    bunch = load_breast_cancer()
    bounds = parse_feature_map((files("secure_ds.data") / "declared" / "breast_cancer.json").read_bytes())
    X = bounds.apply(Records({name: bunch.data[:, j] for j, name in enumerate(bunch.feature_names)}))
    order = np.random.default_rng(seed).permutation(len(X))
    test, train = order[:-N_TRAIN], order[-N_TRAIN:]
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(bunch.data[train], bunch.target[train])
    accuracy = float(plain.score(bunch.data[test], bunch.target[test]))
    return Split(X[train], bunch.target[train], X[test], bunch.target[test], accuracy)
