"""Tails of the standard normal distribution to 80 digits, the same on every machine.

`decimal` is specified digit by digit, unlike `libm`; so two processes that compute a privacy cost from the same inputs
get the same integer, and no rounding error of this file can reach a decision (they are below 1e-82).
"""

import decimal
from decimal import Decimal
from functools import lru_cache

CONTEXT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN, Emin=-(10**6), Emax=10**6)
ABSOLUTE_ERROR = Decimal("1e-82")

_NEGLIGIBLE = Decimal("1e-95")
_FAR = 20  # Phi(-20) < 2.8e-89, far below ABSOLUTE_ERROR


def lower_tail(x: Decimal) -> Decimal:
    """Return Phi(x) = P[N(0, 1) <= x], within `ABSOLUTE_ERROR`."""
    if x > 0:
        return CONTEXT.subtract(Decimal(1), lower_tail(x.copy_negate()))
    if x < -_FAR:
        return Decimal(0)
    return CONTEXT.subtract(Decimal("0.5"), _mass_from_zero(x.copy_negate()))


def _mass_from_zero(x: Decimal) -> Decimal:
    """P[0 <= N(0, 1) <= x] = phi(x) * sum_n x^(2n+1) / (2n+1)!!; every term is positive, so nothing cancels."""
    square = CONTEXT.multiply(x, x)
    term = total = x
    n = 1
    while term > _NEGLIGIBLE:
        term = CONTEXT.divide(CONTEXT.multiply(term, square), Decimal(2 * n + 1))
        total = CONTEXT.add(total, term)
        n += 1
    density = CONTEXT.divide(CONTEXT.exp(CONTEXT.divide(square.copy_negate(), Decimal(2))), _root_of_two_pi())
    return CONTEXT.multiply(total, density)


@lru_cache(maxsize=1)
def _root_of_two_pi() -> Decimal:
    return CONTEXT.sqrt(CONTEXT.multiply(Decimal(2), _pi()))


def _pi() -> Decimal:
    """Machin's formula: pi = 16 arctan(1/5) - 4 arctan(1/239)."""
    first = CONTEXT.multiply(Decimal(16), _arctan_inverse(5))
    return CONTEXT.subtract(first, CONTEXT.multiply(Decimal(4), _arctan_inverse(239)))


def _arctan_inverse(n: int) -> Decimal:
    """arctan(1/n) = sum_k (-1)^k / ((2k+1) n^(2k+1))."""
    power = total = CONTEXT.divide(Decimal(1), Decimal(n))
    k = 1
    while abs(power) > _NEGLIGIBLE:
        power = CONTEXT.divide(power, Decimal(-n * n))
        total = CONTEXT.add(total, CONTEXT.divide(power, Decimal(2 * k + 1)))
        k += 1
    return total
