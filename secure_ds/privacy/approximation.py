"""How far the mechanism that runs is from the Gaussian mechanism that is accounted, and what that adds to delta.

Two things differ from the ideal "exact sum plus continuous Gaussian noise":

1. **The noise is a discrete Gaussian** on the integers (the grid), of parameter sigma >= 2^28 grid steps.
   Let g(x) = exp(-x^2 / (2 sigma^2)) and Z = sigma sqrt(2 pi) its integral. A rounded continuous Gaussian has
   q_k = (1/Z) * integral of g over [k - 1/2, k + 1/2], the discrete one p_k = g(k) / G with G = sum_k g(k).
   By Taylor's theorem on the symmetric (midpoint) cell, |g(k) - integral over the cell| <= 1/8 * integral of |g''|
   over the cell; summed over k this is 1/8 * 4 max|g'| = exp(-1/2) / (2 sigma), so relative to Z at most
   c = exp(-1/2) / (2 sqrt(2 pi) sigma^2) < 0.121 / sigma^2. Normalising costs the same again, and total variation
   is half the l1 distance: TV(p, q) <= c < 1 / (8 sigma^2) per coordinate. Because the sums are integers of that
   grid, adding the rounded continuous Gaussian is rounding the Gaussian mechanism's answer: post-processing, hence
   exactly GDP.
2. **The circuit's error bound may fail**, with probability at most 2^-40 per released vector (see the planner of
   `secure_ds.ckks`). Where it does not fail, the sensitivity is the planner's; the event couples the real mechanism
   to one that never fails.

Total variation adds up over coordinates and over adaptively chosen releases (coupling, one release after the other).
If M is (epsilon, delta)-DP and M' is within `gamma` of it on every input, then for neighbours D, D' and any set S
    P[M'(D) in S] <= P[M(D) in S] + gamma <= e^epsilon P[M(D') in S] + delta + gamma
                  <= e^epsilon P[M'(D') in S] + delta + (1 + e^epsilon) gamma,
so M' is (epsilon, delta + (1 + e^epsilon) gamma)-DP.
"""

from fractions import Fraction

from secure_ds.privacy.errors import InvalidPrivacyParameter

MIN_SIGMA_ON_GRID = 1 << 28  # so fine that 100,000 numbers in each of a million releases cost a delta of 1e-6
CIRCUIT_FAILURE = Fraction(1, 1 << 40)  # per released vector


def discrete_gaussian_distance(sigma_on_grid: int) -> Fraction:
    """Bound the total variation between a discrete and a rounded continuous Gaussian, one coordinate.

    Args:
        sigma_on_grid: sigma in grid steps, at least 1.
    """
    if sigma_on_grid < 1:
        raise InvalidPrivacyParameter(f"sigma must be at least one grid step, got {sigma_on_grid}")
    return Fraction(1, 8 * sigma_on_grid**2)


def distance_to_ideal(releases: int, coordinates: int) -> Fraction:
    """Bound the total variation between everything really released and its ideal, for the whole life of a data set.

    Args:
        releases: number of vectors released, at most (a data set's decryption limit).
        coordinates: released numbers in each vector.

    Returns:
        releases * (2^-40 + coordinates / (8 * 2^56)): an upper bound for every mechanism with sigma >= 2^28 grid steps.
    """
    if releases < 1 or coordinates < 1:
        raise InvalidPrivacyParameter(f"releases and coordinates must be positive, got {releases} and {coordinates}")
    return releases * (CIRCUIT_FAILURE + coordinates * discrete_gaussian_distance(MIN_SIGMA_ON_GRID))
