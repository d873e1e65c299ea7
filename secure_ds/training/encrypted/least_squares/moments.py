"""Second moments as arrays and as lists: from answers to matrices, and from records to exact integers.

Rules kept here:
1. The order of an answer is the circuit's (`secure_ds.ckks.statistics_plan`).
2. `exact_units` is exact: records and labels are whole numbers of the grid, and every partial sum of their products is
   a whole number below 2^53, which doubles add without error in any order, whatever library does it.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.record_grid import GRID_BITS
from secure_ds.ckks.statistics_plan import StatisticsPlan

FloatArray = npt.NDArray[np.float64]

_MAX_EXACT = 1 << 53


def matrices(circuit: StatisticsPlan, values: Iterable[float]) -> tuple[FloatArray, FloatArray]:
    """Return X^T X, (d, d) and symmetric, and X^T V, (d, m), from all numbers in the circuit's order."""
    d = circuit.n_features
    places = np.array(list(chain.from_iterable(part.pairs for part in circuit.parts)))
    both = np.zeros((d, d + circuit.n_labels))
    both[places[:, 0], places[:, 1]] = list(values)
    moments, labels = both[:, :d], both[:, d:].copy()
    return np.where(np.tri(d, k=-1, dtype=bool), moments.T, moments), labels


def exact_units(circuit: StatisticsPlan, X: FloatArray, labels: npt.NDArray[np.int64]) -> list[int]:
    """Return all numbers of a data set's statistics in units, in the circuit's order.

    Args:
        circuit: the plan; its units and order.
        X: (n, d) records on the grid, bias last, of norm at most 1.
        labels: (n,) classes, 0 to c - 1.

    Raises:
        ValueError: the records are not on the grid, or too many to add exactly.
    """
    whole = X * 2.0**GRID_BITS
    if not np.array_equal(whole, np.rint(whole)) or len(X) << 2 * GRID_BITS > _MAX_EXACT:
        raise ValueError(f"records must be multiples of 2^-{GRID_BITS}, and fewer than 2^29")
    against = np.hstack([whole, _label_units(circuit.n_classes, labels)])
    products = whole.T @ against
    coarse = circuit.n_classes << GRID_BITS
    return [
        round(products[j, k]) * (1 if k < circuit.n_features else part.units_per_one // coarse)
        for part in circuit.parts
        for j, k in part.pairs
    ]


def in_ones(circuit: StatisticsPlan, units: Sequence[int]) -> list[float]:
    """Return numbers of units, in the circuit's order, in records' own units."""
    per_one = chain.from_iterable(len(part.pairs) * (part.units_per_one,) for part in circuit.parts)
    return [value / one for value, one in zip(units, per_one, strict=True)]


def _label_units(n_classes: int, labels: npt.NDArray[np.int64]) -> FloatArray:
    """Return c times the label's columns: c [y = k] - 1, and 2 y - 1 for two classes."""
    if n_classes == 2:
        signs: FloatArray = 2.0 * labels.astype(np.float64) - 1
        return signs[:, None]
    return np.where(labels[:, None] == np.arange(n_classes), n_classes - 1.0, -1.0)
