"""What it costs that DP-SGD's noise is drawn by a computer: how far it is from the Gaussian that is accounted.

The trainer adds integers to sums that were rounded to a grid. Proven where they are drawn
(`secure_ds/training/dp/noise/source.py`): over N coordinates and steps together everything released is within a total
variation of sqrt(N) 2^-47.5 of the rounded Gaussian mechanism, which is post-processing of the Gaussian one; rounding
and float32 are covered by noise that is a relative 2^-18 wider than the plan says.

A larger sample than a truncated sampler takes is cut; up to that event it is a Poisson sample, so where its probability
is tiny it is accounted as one, and the probability added to the same distance (coupling).

If M is (epsilon, delta)-DP and M' within gamma of it, M' is (epsilon, delta + (1 + e^epsilon) gamma)-DP; see
`approximation`.
"""

from math import exp, sqrt
from typing import Final

NOISE_DISTANCE: Final = 2.0**-47.5  # for one coordinate of one step; grows with the root of their number


def slack(epsilon: float, coordinates: int, steps: int, cut: float = 0.0) -> float:
    """Return what delta has to pay besides the mechanism.

    Args:
        epsilon: of the job.
        coordinates: numbers in each released sum.
        steps: releases.
        cut: probability that a truncated sampler cuts anything in one step.
    """
    distance = sqrt(coordinates * steps) * NOISE_DISTANCE + steps * cut
    return (1 + exp(epsilon)) * distance
