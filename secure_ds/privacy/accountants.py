"""Epsilon of sampled Gaussian releases by two accountants, and the noise that a wish for epsilon needs.

Rules kept here:
- Both accountants give valid upper bounds; the smaller one is reported, with its name. Across jobs neither is used: see
  `renyi`.
- Privacy loss distributions are pessimistic (connect-the-dots). Their convolutions are floating point, with an absolute
  error far below `_FFT_MASS`, by which delta is made smaller; where delta is not far above that, Renyi alone counts.
- Every process gets the same numbers: epsilon is rounded up to multiples of 1e-9, noise up to multiples of 1e-4, far
  above what floating point makes differ.

Sources: privacy loss distributions (Koskela et al. 2020; Doroshenko et al. 2022) and Renyi divergences (Mironov,
Talwar, Zhang 2019; to epsilon by Canonne, Kamath, Steinke 2020, proposition 12), both by Google's dp-accounting, which
has truncated samples (Ganesh et al. 2025, arXiv 2508.15089) as privacy loss distributions only.

On one idle core an epsilon takes 0.05 to 0.5 s (rates of 0.01 to 0.1, 100 to 5000 steps), a calibration 1 to 3 s; both
are kept for the life of the process.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from math import ceil, inf, isfinite
from typing import Final

from dp_accounting import pld, rdp

from secure_ds.privacy.errors import DeltaTooSmall, InvalidPrivacyParameter
from secure_ds.privacy.sampled import RELATION, SampledGaussian

LIBRARY: Final = f"dp-accounting {version('dp-accounting')}"
PLD: Final = f"pld, {LIBRARY}"
RDP: Final = f"rdp, {LIBRARY}"
MAX_NOISE_MULTIPLIER: Final = 10_000
NOISE_GRID: Final = 10_000  # noise multipliers are multiples of 1 / this
_EPSILON_GRID: Final = 10**9
_FINEST, _COARSEST = 5e-5, 1e-3  # steps of privacy losses, rounded pessimistically: coarser is larger, never invalid
_FFT_MASS: Final = 1e-12
_LEAST_PLD_DELTA: Final = 1e-10
ORDERS: Final = (*range(2, 65), 72, 80, 96, 112, 128, 160, 192, 256)


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
    epsilon, _ = rdp.compute_epsilon(ORDERS, [steps * each for each in one], delta)
    return ceil(float(epsilon) * _EPSILON_GRID) / _EPSILON_GRID


@lru_cache(maxsize=1024)
def calibrate(
    epsilon: float, delta: float, sampling_rate: float, steps: int, truncated: tuple[int, int] | None = None
) -> float:
    """Return the least noise multiplier, on its grid, whose event costs at most epsilon at delta.

    Args:
        epsilon: allowed, above 0.
        delta: allowed.
        sampling_rate: of the event.
        steps: of the event.
        truncated: of the event.

    Raises:
        InvalidPrivacyParameter: more noise than any use would bear is needed; ask for fewer steps or larger epsilon.
    """
    if not epsilon > 0 or not 0 < delta < 1:
        raise InvalidPrivacyParameter(f"epsilon must be above 0 and delta in (0, 1), got {epsilon} and {delta}")

    def event(units: int) -> SampledGaussian:
        return SampledGaussian(units / NOISE_GRID, sampling_rate, steps, truncated)

    def fits(units: int) -> bool:
        return min(bounds(event(units), delta).values(), default=inf) <= epsilon

    start = NOISE_GRID
    if truncated is None:  # Renyi is quick, and never far above
        start = least_noise(lambda units: _rdp(event(units), delta) <= epsilon, start, start)
    return least_noise(fits, start, max(1, start // 16)) / NOISE_GRID


def least_noise(fits: Callable[[int], bool], start: int, stride: int) -> int:
    """Return the least noise multiplier, in steps of its grid, that fits, where all larger ones do.

    Args:
        fits: whether a noise multiplier does.
        start: where to look first; the nearer, the fewer questions.
        stride: how far to go from there at first; it doubles.

    Raises:
        InvalidPrivacyParameter: not even the largest fits.
    """
    low = high = start
    if fits(start):
        while (low := max(0, high - stride)) and fits(low):
            high, stride = low, 2 * stride
    else:
        while not fits(high := low + stride):
            low, stride = high, 2 * stride
            if high > MAX_NOISE_MULTIPLIER * NOISE_GRID:
                raise InvalidPrivacyParameter("no noise keeps this epsilon over so many steps; take fewer steps")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


@lru_cache(maxsize=64)
def _divergences(noise_multiplier: float, sampling_rate: float) -> tuple[float, ...]:
    accountant = rdp.RdpAccountant(list(ORDERS), RELATION)
    accountant.compose(SampledGaussian(noise_multiplier, sampling_rate, 1).dp_event)
    return tuple(float(each) for each in accountant.rdp)


def _pld(event: SampledGaussian, delta: float) -> float:
    if delta < _LEAST_PLD_DELTA:
        return inf
    interval = max(_FINEST, _COARSEST / max(1.0, event.noise_multiplier) ** 2)  # single losses shrink with more noise
    accountant = pld.PLDAccountant(RELATION, value_discretization_interval=interval)
    accountant.compose(event.dp_event)
    return float(accountant.get_epsilon(delta - _FFT_MASS))


def _rdp(event: SampledGaussian, delta: float) -> float:
    accountant = rdp.RdpAccountant(list(ORDERS), RELATION)
    accountant.compose(event.dp_event)
    return float(accountant.get_epsilon(delta))
