"""What the twins in the clear share: labels as owners encrypt them, and sums as the custodian answers them."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.training.encrypted.iterative import IterativePlan
from secure_ds.training.encrypted.release import Release

FloatArray = npt.NDArray[np.float64]


def label_vectors(labels: npt.NDArray[np.int64], n_classes: int) -> FloatArray:
    """Return [y = k] - 1/c, shape (n, c), of labels 0 to c - 1; (n, 1) of y - 1/2 for two classes."""
    if n_classes == 2:
        return labels.astype(np.float64).reshape(-1, 1) - 0.5
    one_hot: FloatArray = np.equal(labels[:, None], np.arange(n_classes)).astype(np.float64)
    return one_hot - 1.0 / n_classes


def clear_mean_gradient(plan: IterativePlan, step: int, sums: FloatArray, noise: RandomBits | None) -> FloatArray:
    """Return what a job learns of the mean gradient when these are the exact sums.

    Args:
        plan: the plan.
        step: the step.
        sums: flat, in the order of the step's releases.
        noise: source of the discrete Gaussian, after which the answer is rounded to the public grid as a custodian's
            is; None adds none and rounds nothing, and the result is then not private.
    """
    if noise is None:
        return sums / plan.normaliser
    rest = iter(sums.tolist())
    answer = [value for release in plan.releases(step) for value in _released(release, rest, noise)]
    return plan.mean_gradient(step, answer)


def _released(release: Release, rest: Iterator[float], noise: RandomBits) -> Iterator[int]:
    scale = Fraction(release.scale)
    for extra in release.draw_noise(noise):
        yield release.to_grid(round(Fraction(next(rest)) * scale) + extra)
