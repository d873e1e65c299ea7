"""What a release costs at the ledger's Renyi orders: integers of 1e-12, rounded up, the same on every machine.

Rules kept here:
- Everything is computed in decimal arithmetic of 100 digits (`normal`), never by `libm`, so service, custodian and
  trainer get the same integers.
- At an integer order a the sampled Gaussian costs exactly log(A) / (a - 1),
      A(q, z) = sum_k C(a, k) (1 - q)^(a - k) q^k exp(k (k - 1) / (2 z^2)),
  for zeroing and un-zeroing a unit alike (Mironov, Talwar, Zhang 2019, section 3.3 and theorem 5).
- The same number holds for the *discrete* Gaussian that is really added: for integer shifts s,
  E[exp(k <x, s> / z^2)] = exp(k^2 |s|^2 / (2 z^2)) over the integers as over the line, by completing the square, and
  x -> s - x maps the integers to themselves. So the ledger owes nothing to the noise being discrete.
- Renyi divergence rises with the order: an order that is no integer is charged at the next one.
- What is drawn is a discrete Gaussian up to a relative 2^-48 of each mass, normalised
  (`secure_ds.training.dp.noise.gaussian`). Over d numbers that changes densities by a factor of at most e^(d 2^-47) and
  the divergence by at most d 2^-47 (2 a - 1) / (a - 1) <= 3 d 2^-47, which every step is charged on top. (What is never
  drawn, beyond 16 deviations, has mass below 2^-188.)
- A truncated sample keeps or drops a unit by what else was drawn, which is the same for neighbours. Given that, the
  unit is in with probability q where the draw was not cut, and at most 1 where it was: A <= A(q) + P[cut] A(1), with
  P[cut] by Chernoff's bound.

Edge: where A is so large that no ledger could hold it, or the order is above 1024, the unsampled cost a / (2 z^2) is
charged; it is an upper bound.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, comb
from typing import Final

from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.normal import CONTEXT
from secure_ds.privacy.renyi import UNITS_PER_RDP, Cost
from secure_ds.privacy.sampled import SampledGaussian

_NUMBER: Final = Fraction(3, 1 << 47)  # of divergence, for each number that is drawn
_MARGIN: Final = Decimal("1e-60")  # far above the error of 100 digits, far below a unit
_LARGEST_EXPONENT: Final = Decimal(100_000)
_LARGEST_SAMPLED_ORDER: Final = 1024
_ONE, _TWO = Decimal(1), Decimal(2)


@lru_cache(maxsize=4096)
def step_cost(event: SampledGaussian, orders: tuple[float, ...], numbers: int = 0) -> Cost:
    """Return what one step of the event costs at each order, in units of 1e-12, rounded up; at least 1.

    Args:
        event: of which a step is taken.
        orders: above 1.
        numbers: how many noisy numbers a step releases; none for noise that is exact.

    Raises:
        InvalidPrivacyParameter: an order is not above 1.
    """
    drawn = ceil(_NUMBER * numbers * UNITS_PER_RDP)
    return tuple(_units_up(renyi_divergence(event, order)) + drawn for order in orders)


@lru_cache(maxsize=4096)
def renyi_divergence(event: SampledGaussian, order: float) -> Decimal:
    """Return an upper bound of the Renyi divergence of one step between neighbours, at the order."""
    if not order > 1:
        raise InvalidPrivacyParameter(f"a Renyi order is above 1, got {order}")
    whole = ceil(order)
    noise = Decimal(event.noise_multiplier)
    rho = CONTEXT.divide(_ONE, CONTEXT.multiply(_TWO, CONTEXT.multiply(noise, noise)))
    unsampled = CONTEXT.multiply(Decimal(order), rho)
    exponent = CONTEXT.multiply(Decimal(whole * (whole - 1)), rho)
    if event.sampling_rate == 1 or whole > _LARGEST_SAMPLED_ORDER or exponent > _LARGEST_EXPONENT:
        return unsampled
    moment = _moment(whole, Decimal(event.sampling_rate), rho)
    if event.truncated is not None:
        cut = CONTEXT.multiply(_cut_probability(event.sampling_rate, *event.truncated), CONTEXT.exp(exponent))
        moment = CONTEXT.add(moment, cut)
    sampled = CONTEXT.divide(CONTEXT.ln(moment), Decimal(whole - 1))
    return min(sampled, unsampled)


def _units_up(divergence: Decimal) -> int:
    return max(1, ceil(CONTEXT.multiply(CONTEXT.add(divergence, _MARGIN), Decimal(UNITS_PER_RDP))))


def _moment(order: int, rate: Decimal, rho: Decimal) -> Decimal:
    """A(q, z) at an integer order; every term is positive, so nothing cancels."""
    rest, total = CONTEXT.subtract(_ONE, rate), Decimal(0)
    for k in range(order + 1):
        weight = CONTEXT.multiply(CONTEXT.power(rate, k), CONTEXT.power(rest, order - k))
        grown = CONTEXT.exp(CONTEXT.multiply(Decimal(k * (k - 1)), rho))
        total = CONTEXT.add(total, CONTEXT.multiply(Decimal(comb(order, k)), CONTEXT.multiply(weight, grown)))
    return total


def _cut_probability(sampling_rate: float, n_units: int, max_units: int) -> Decimal:
    """A bound of P[Binomial(n - 1, q) >= most]: exp(-(n - 1) KL(most / (n - 1) || q)) (Chernoff)."""
    others, rate = n_units - 1, Decimal(sampling_rate)
    if max_units > others:
        return Decimal(0)
    share = CONTEXT.divide(Decimal(max_units), Decimal(others))
    if share <= rate:
        return _ONE
    inside = CONTEXT.multiply(share, CONTEXT.ln(CONTEXT.divide(share, rate)))
    rest = CONTEXT.subtract(_ONE, share)
    outside = Decimal(0)
    if rest > 0:
        odds = CONTEXT.divide(rest, CONTEXT.subtract(_ONE, rate))
        outside = CONTEXT.multiply(rest, CONTEXT.ln(odds))
    return CONTEXT.exp(CONTEXT.multiply(Decimal(-others), CONTEXT.add(inside, outside)))
