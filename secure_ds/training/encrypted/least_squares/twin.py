"""The job in the clear: the same integers, noise and closed form, without encryption.

For tests, benchmarks and owners with their own records: nothing else in the project sees a record in the clear.
Rounding on ciphertexts is exact, so for the same noise the twin's answer is the encrypted job's answer, to the last
bit.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.training.encrypted.least_squares.mechanism import STEPS_PER_UNIT
from secure_ds.training.encrypted.least_squares.moments import exact_units, in_ones, matrices
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan
from secure_ds.training.encrypted.least_squares.solver import solve
from secure_ds.training.encrypted.release import split_answer

FloatArray = npt.NDArray[np.float64]


def clear_answer(plan: LeastSquaresPlan, X: FloatArray, labels: npt.NDArray[np.int64], noise: RandomBits) -> list[int]:
    """Return the job's answer for records in the clear.

    Args:
        plan: the job's plan.
        X: (n, n_features) records on the grid, bias last, of norm at most 1.
        labels: (n,) classes, 0 to c - 1.
        noise: source of the discrete Gaussian.
    """
    units = exact_units(plan.circuit, X, labels)
    return [
        release.to_grid(value * STEPS_PER_UNIT + drawn)
        for release, values in split_answer(plan.releases(0), units)
        for value, drawn in zip(values, release.draw_noise(noise), strict=True)
    ]


def exact_weights(plan: LeastSquaresPlan, units: Sequence[int]) -> FloatArray:
    """Return the (columns, n_features) weights of exact statistics in units: no noise, and not private."""
    moments, labels = matrices(plan.circuit, in_ones(plan.circuit, units))
    return solve(moments, labels, plan.facts.n_records, sigma=0.0).T
