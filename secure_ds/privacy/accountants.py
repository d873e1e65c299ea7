"""Epsilon of sampled Gaussian releases by two accountants, and the noise that a wish for epsilon needs.

Rules kept here:
- Both accountants give valid upper bounds; the smaller one is reported, with its name. Across jobs neither is used: see
  `renyi`.
- Every process gets the same numbers: epsilon is rounded up to multiples of 1e-6, noise up to multiples of 1e-4, both
  far above what floating point could make differ.

Sources: privacy loss distributions (Koskela et al. 2020; Doroshenko et al. 2022) and Renyi divergences (Mironov,
Talwar, Zhang 2019), both by Google's dp-accounting.
"""

from functools import lru_cache
from importlib.metadata import version
from math import ceil, isfinite
from typing import Final

from dp_accounting import pld, rdp

from secure_ds.privacy.errors import DeltaTooSmall, InvalidPrivacyParameter
from secure_ds.privacy.renyi import UNITS_PER_RDP, Cost
from secure_ds.privacy.sampled import RELATION, SampledGaussian

LIBRARY: Final = f"dp-accounting {version('dp-accounting')}"
PLD: Final = f"pld, {LIBRARY}"
RDP: Final = f"rdp, {LIBRARY}"
MAX_NOISE_MULTIPLIER: Final = 1000.0
NOISE_GRID: Final = 10_000  # noise multipliers are multiples of 1 / this
_EPSILON_GRID: Final = 10**6
_INTERVAL: Final = 1e-3  # of discretised privacy losses, rounded pessimistically: coarser is larger, never invalid
_ORDERS: Final = (*range(2, 64), 72, 96, 128, 192, 256, 512)


@lru_cache(maxsize=4096)
def bounds(event: SampledGaussian, delta: float) -> dict[str, float]:
    """Return epsilon at delta by every accountant that has a bound for the event, by the accountant's name."""
    if not 0 < delta < 1:
        raise DeltaTooSmall(f"delta = {delta:.3g} leaves nothing for the mechanism")
    found = {PLD: _pld(event, delta)}
    if event.truncated is None:
        found[RDP] = _rdp(event, delta)
    return {name: ceil(epsilon * _EPSILON_GRID) / _EPSILON_GRID for name, epsilon in found.items() if isfinite(epsilon)}


def tightest(event: SampledGaussian, delta: float) -> tuple[float, str]:
    """Return the least epsilon at delta that is proven, and the name of the accountant that proves it.

    Raises:
        InvalidPrivacyParameter: no accountant has a finite bound.
    """
    found = bounds(event, delta)
    if not found:
        raise InvalidPrivacyParameter("no accountant has a bound for this event; use more noise")
    name = min(found, key=lambda accountant: found[accountant])
    return found[name], name


def quick_bound(event: SampledGaussian, steps: int, delta: float) -> float:
    """Return a valid epsilon of the first steps of an event, in microseconds: Renyi divergences of one step, kept.

    It is larger than the tightest by some percent, so it is for showing progress alone.
    """
    one = _divergences(event.noise_multiplier, event.sampling_rate)
    epsilon, _ = rdp.compute_epsilon(_ORDERS, [steps * each for each in one], delta)
    return ceil(float(epsilon) * _EPSILON_GRID) / _EPSILON_GRID


@lru_cache(maxsize=1024)
def calibrate(epsilon: float, delta: float, sampling_rate: float, steps: int, most: tuple[int, int] | None) -> float:
    """Return the least noise multiplier, on its grid, whose event costs at most epsilon at delta.

    Args:
        epsilon: allowed.
        delta: allowed.
        sampling_rate: of the event.
        steps: of the event.
        most: the event's `truncated`.

    Raises:
        InvalidPrivacyParameter: more noise than any use would bear is needed; ask for fewer steps or larger epsilon.
    """

    def fits(units: int) -> bool:
        event = SampledGaussian(units / NOISE_GRID, sampling_rate, steps, most)
        return tightest(event, delta)[0] <= epsilon

    low, high = NOISE_GRID // 5, NOISE_GRID
    while not fits(high):
        low, high = high, 2 * high
        if high > MAX_NOISE_MULTIPLIER * NOISE_GRID:
            raise InvalidPrivacyParameter(
                f"epsilon = {epsilon:g} at delta = {delta:.3g} cannot be kept over {steps} steps; take fewer steps"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high / NOISE_GRID


@lru_cache(maxsize=1024)
def step_cost(event: SampledGaussian, orders: tuple[float, ...]) -> Cost:
    """Return what one step costs at each order, in units of 1e-12 of Renyi divergence, rounded up.

    Divergences grow with the order, so the next whole order's stands for a broken one, whose series may not converge.

    Raises:
        InvalidPrivacyParameter: no finite divergence is known for the event.
    """
    accountant = rdp.RdpAccountant([float(ceil(order)) for order in orders], RELATION)
    if not accountant.supports(event.step):
        raise InvalidPrivacyParameter("truncated sampling has no known Renyi cost; use plain Poisson sampling")
    accountant.compose(event.step, 1)
    costs = [float(cost) for cost in accountant.rdp]
    if not all(isfinite(cost) for cost in costs):
        raise InvalidPrivacyParameter("the event has no finite cost at some order; use more noise or smaller orders")
    return tuple(max(1, ceil(cost * (1 + 1e-9) * UNITS_PER_RDP)) for cost in costs)


@lru_cache(maxsize=64)
def _divergences(noise_multiplier: float, sampling_rate: float) -> tuple[float, ...]:
    accountant = rdp.RdpAccountant(list(_ORDERS), RELATION)
    accountant.compose(SampledGaussian(noise_multiplier, sampling_rate, 1).step, 1)
    return tuple(float(each) for each in accountant.rdp)


def _pld(event: SampledGaussian, delta: float) -> float:
    accountant = pld.PLDAccountant(RELATION, value_discretization_interval=_INTERVAL)
    accountant.compose(event.step, event.steps)
    return float(accountant.get_epsilon(delta))


def _rdp(event: SampledGaussian, delta: float) -> float:
    accountant = rdp.RdpAccountant(list(_ORDERS), RELATION)
    accountant.compose(event.step, event.steps)
    return float(accountant.get_epsilon(delta))
