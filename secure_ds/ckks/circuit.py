"""What every planned circuit has in common: what its noise, its head-room and its key's safety are computed from."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Protocol

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.packing import positions
from secure_ds.ckks.parameters import Parameters

NOISE_TAIL: Final = 16  # deviations of noise that still fit; less than 2**-180 lies beyond
FLOAT_SLACK: Final = 2.0**-46  # doubles in place of exact scales, per unit of the largest answer
_BOUND_BITS: Final = 20


class Circuit(Protocol):
    """One step of some algorithm on ciphertexts, planned."""

    @property
    def parameters(self) -> Parameters:
        """The CKKS parameters."""

    @property
    def max_sigma(self) -> float:
        """Largest deviation of noise the answer has room for."""

    @property
    def evaluation_error(self) -> float:
        """E: bound on the l2 norm of that part of an answer's error that depends on secrets."""

    @property
    def least_answer_scale(self) -> float:
        """Units of a released integer per unit of the sums, the least of all ciphertexts of an answer."""

    @property
    def answer_bytes(self) -> int:
        """Size of the ciphertexts of one step."""


class PackedSums(NamedTuple):
    """One packed ciphertext of an answer.

    Attributes:
        positions: the coefficients that hold its sums, in order; no other may be read.
        scale: units of a released integer per unit of the sums.
    """

    positions: tuple[int, ...]
    scale: float


def packed_sums(degree: int, count: int, scale: float) -> tuple[PackedSums, ...]:
    """Return the packed ciphertexts that `count` numbers take; all but the last hold N numbers."""
    shares = (min(degree, count - first) for first in range(0, count, degree))
    return tuple(PackedSums(positions(degree, share), scale) for share in shares)


def packed_rows(degree: int, rows: int, columns: int, group: int, scale: float) -> tuple[PackedSums, ...]:
    """Return the packed ciphertexts of a matrix of sums, row by row, each row filled up to whole groups of inputs.

    The inputs that fill a row up are absent: their coefficients are not among the positions.
    """
    width = -(-columns // group) * group
    filled = packed_sums(degree, rows * width, scale)
    return tuple(
        PackedSums(tuple(at for index, at in enumerate(part.positions, first) if index % width < columns), scale)
        for first, part in zip(range(0, rows * width, degree), filled, strict=True)
    )


def require_range(condition: bool, message: str) -> None:
    """Refuse a number that is out of range. Raises `PlanRefused`, ``out_of_range``."""
    if not condition:
        raise PlanRefused("out_of_range", message)


def require_levels(parameters: Parameters, needed: int, what: str) -> None:
    """Refuse parameters with too few primes for a circuit. Raises `PlanRefused`, ``too_few_levels``."""
    present = len(parameters.data_primes)
    if present < needed:
        raise PlanRefused("too_few_levels", f"{what} needs {needed} levels, the parameters have {present}")


def require_sigma_range(max_sigma: float) -> None:
    """Refuse room for noise that no job has. Raises `PlanRefused`, ``out_of_range``."""
    require_range(0 < max_sigma <= 2.0**24, f"max_sigma must be above 0 and 2**24 at most, got {max_sigma}")


def require_small_error(beta: float) -> None:
    """Refuse a circuit whose error bound is more than a record's share. Raises `PlanRefused`, ``no_head_room``."""
    if beta > 1:
        raise PlanRefused("no_head_room", f"the error bound is {beta:.3g}, 1 at most: choose larger primes or scales")


def round_up(value: float) -> float:
    """Round a positive bound up to 20 significant bits, so that mathematical libraries do not matter."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(math.ldexp(mantissa, _BOUND_BITS)) + 1, exponent - _BOUND_BITS)
