"""A ring for statistics with keys, and records on the grid, for the tests of the circuit."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.engine import Engine
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.profiles import STATISTICS
from secure_ds.ckks.record_grid import on_grid
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.statistics import StatisticsEvaluator
from secure_ds.ckks.statistics_plan import StatisticsPlan, plan_statistics


def a_plan(n_records: int = 500, n_features: int = 6, n_classes: int = 3, **changes: object) -> StatisticsPlan:
    """A plan on the ring for statistics, unless told otherwise."""
    degree = STATISTICS.parameters.poly_modulus_degree
    values = {"input_scale": STATISTICS.input_scale, "eta": STATISTICS.eta, "n_blocks": -(-n_records // degree)}
    size = {"n_records": n_records, "n_features": n_features, "n_classes": n_classes}
    parameters = changes.pop("parameters", STATISTICS.parameters)
    return plan_statistics(parameters, **{**values, **size, **changes})  # type: ignore[arg-type]


def some_records(n_records: int, n_features: int, seed: int = 0) -> np.ndarray:
    """Records of norm at most 1 on the grid."""
    X = np.random.default_rng(seed).standard_normal((n_records, n_features))
    return on_grid(X / np.linalg.norm(X, axis=1, keepdims=True))


@dataclass(frozen=True)
class Keyed:
    """The ring for statistics with its keys."""

    secret_key: SecretKey

    @cached_property
    def engine(self) -> Engine:
        """Arithmetic with fresh evaluation keys."""
        parameters = STATISTICS.parameters
        return Engine(parameters, dict(generate_key_files(parameters, self.secret_key)))

    def evaluator(self, plan: StatisticsPlan, X: np.ndarray, V: np.ndarray) -> StatisticsEvaluator:
        """An evaluator over these records and label columns, encrypted."""
        columns: dict[int, list[bytes]] = {}
        matrix, scale = np.hstack([X, V]), plan.input_scale
        for block in encrypt_columns(plan.parameters, self.secret_key, matrix, scale, n_labels=V.shape[1]):
            columns.setdefault(block.column, []).append(block.data)
        return StatisticsEvaluator(self.engine, plan, columns.__getitem__)


@cache
def keyed() -> Keyed:
    """Keys, made once a run."""
    return Keyed(generate_secret_key(STATISTICS.parameters))
