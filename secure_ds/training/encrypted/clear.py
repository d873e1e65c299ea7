"""What the twins in the clear share: labels as owners encrypt them, and answers as the custodian gives them."""

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


def clear_answer(plan: IterativePlan, step: int, sums: FloatArray, noise: RandomBits | None) -> list[int]:
    """Return the answer that a custodian gives to these exact sums.

    Args:
        plan: the plan.
        step: the step.
        sums: flat, in the order of the step's releases.
        noise: source of the discrete Gaussian; None adds none, and the answer is then not private.
    """
    rest = iter(sums.tolist())
    return [value for release in plan.releases(step) for value in _released(release, rest, noise)]


def _released(release: Release, rest: Iterator[float], noise: RandomBits | None) -> Iterator[int]:
    scale = Fraction(release.scale)
    drawn = [0] * len(release.positions) if noise is None else release.draw_noise(noise)
    for extra in drawn:
        yield release.to_grid(round(Fraction(next(rest)) * scale) + extra)
