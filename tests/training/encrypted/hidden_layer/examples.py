"""Plans of hidden-layer jobs and records that no linear model tells apart, for the tests of this room."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan, make_hidden_layer_plan, plan_with
from secure_ds.training.encrypted.hidden_layer.rule import HiddenLayerSettings, strongest
from tests.training.encrypted.examples import facts, request

STRONG_SIGNAL = strongest()


def hidden_plan(
    n_records: int = 1500,
    n_features: int = 4,
    n_classes: int = 3,
    settings: HiddenLayerSettings | None = None,
    **changes: Any,
) -> HiddenLayerPlan:
    """The plan of a request on a data set of that size, with given settings in place of the rule's."""
    asked = request(algorithm=HiddenLayerPlan.algorithm, **changes)
    data = JobFacts.of(facts(n_records, n_features, n_classes=n_classes))
    return make_hidden_layer_plan(data, asked) if settings is None else plan_with(data, asked, settings)


def small(**changes: Any) -> HiddenLayerSettings:
    """Settings of a strong signal with few units and steps."""
    return replace(STRONG_SIGNAL, **{"hidden_units": 5, "steps": 3, **changes})


def rings(n: int, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Three classes by distance from the origin in the plane, bias last: (n, 3), in the unit ball."""
    points = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    labels = np.digitize((points**2).sum(axis=1), [0.35, 0.8])
    X = np.column_stack([points, np.full(n, 0.5)])
    return X / np.maximum(1, np.linalg.norm(X, axis=1, keepdims=True)), labels.astype(np.int64)
