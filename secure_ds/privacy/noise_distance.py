"""What it costs that DP-SGD's noise and sums are a computer's: how far they are from what is accounted.

| what differs | bound | paid by |
|---|---|---|
| noise is an integer discrete Gaussian | total variation, sqrt(N) 2^-84 over N numbers | delta |
| sums are rounded to the noise's grid | 5/4 sqrt(d) grid steps of sensitivity | noise that is a relative 2^-18 wider |
| norms are computed in float32 | a relative 2^-11 of a unit's norm | `allowance` |
| sums are accumulated in float32 | a relative 2^-18 for each unit of a batch | `allowance` |

The first two rows are proven where the noise is drawn (`secure_ds/training/dp/noise/source.py`): N counts the numbers
of all steps, d those of one, and the noise multiplier times sqrt(d) is at most 2^21.

A larger sample than a truncated sampler takes is cut; up to that event it is a Poisson sample, so where its probability
is tiny it is accounted as one, and the probability added to the same distance (coupling).

If M is (epsilon, delta)-DP and M' within gamma of it, M' is (epsilon, delta + (1 + e^epsilon) gamma)-DP; see
`approximation`.

**Float32.** u = 2^-24. A norm is the root of a sum of squares, none of which cancels (an engine that takes it from
products that may raises it by their rounding: `contributions`): summed in blocks, to a depth of at most 2^13 additions,
it is off by a relative 2^13 u / 2 = 2^-12, and scaling by it adds a few u: 2^-11 covers both.
A sum of B clipped gradients over k additions is off by at most k u B clipping norms in the worst case (Higham 2002,
section 4.2), which would need more noise than a useful batch can bear. With rounding errors that are centred given what
was summed before, it is off by sqrt(k) u B (Higham, Mary 2019, theorem 2.4); neighbours are two such sums, and
sqrt(2 k) u B <= 2^-18 B for k up to 2^11. That is a model of rounding and no worst case: against records that are made
so that all roundings of a sum conspire (Casacuberta et al. 2022) this row is an assumption, and is named as one.
"""

from math import exp, sqrt
from typing import Final

NOISE_DISTANCE: Final = 2.0**-84  # for one coordinate of one step; grows with the root of their number
NORM_ALLOWANCE: Final = 2.0**-11
SUM_ALLOWANCE: Final = 2.0**-18  # for each unit of a batch
_LARGER_BATCH: Final = 1.5  # times the expected one is covered
LARGEST_SPREAD: Final = 2.0**21  # noise multiplier times sqrt(d), up to which the wider noise covers the grid


def allowance(expected_units: float) -> float:
    """Return by what fraction float32 may let a unit's part in a sum exceed the clipping norm.

    Args:
        expected_units: of a batch.
    """
    return NORM_ALLOWANCE + SUM_ALLOWANCE * _LARGER_BATCH * expected_units


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
