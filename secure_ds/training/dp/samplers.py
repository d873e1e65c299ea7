"""Which units are in a step: every unit independently, by the operating system's random bits.

Rules kept here:
1. A unit is drawn or not by its own 64 bits; nothing depends on other units, on earlier steps or on records.
2. An empty sample is a sample. A truncated one is a uniform subset of the Poisson sample.
3. There is no seed, so none can be stored: a run that goes on from a checkpoint samples anew.

A loader that shuffles, weights, or draws a fixed number is none of these, and is not accounted for anywhere.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RandomBytes = Callable[[int], bytes]
UNIT_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class PoissonSampler:
    """Every unit is in a step with the same probability, independently.

    Attributes:
        sampling_rate: that probability, in (0, 1].
    """

    sampling_rate: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": "poisson", "sampling_rate": self.sampling_rate}


@dataclass(frozen=True, slots=True)
class TruncatedPoissonSampler:
    """A Poisson sample, of which at most `max_units` are kept.

    Attributes:
        sampling_rate: in (0, 1].
        max_units: most units of a step, so that memory is bounded.
    """

    sampling_rate: float
    max_units: int

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": "truncated_poisson", "sampling_rate": self.sampling_rate, "max_units": self.max_units}


Sampler = PoissonSampler | TruncatedPoissonSampler


def draw_units(sampler: Sampler, n_units: int, random: RandomBytes = os.urandom) -> npt.NDArray[np.int64]:
    """Return the ascending indices of the units of one step.

    The probability of a unit is the rate rounded down to a multiple of 2^-64.

    Args:
        sampler: how.
        n_units: how many units there are, public.
        random: returns so many random bytes; the operating system's outside tests.
    """
    threshold = int(sampler.sampling_rate * 2**UNIT_BITS)  # scaling by a power of two is exact
    if threshold >= 2**UNIT_BITS:
        drawn = np.arange(n_units, dtype=np.int64)
    else:
        bits = np.frombuffer(random(8 * n_units), dtype="<u8")
        drawn = np.flatnonzero(bits < np.uint64(threshold)).astype(np.int64)
    if isinstance(sampler, TruncatedPoissonSampler) and len(drawn) > sampler.max_units:
        order = np.argsort(np.frombuffer(random(8 * len(drawn)), dtype="<u8"), kind="stable")
        drawn = np.sort(drawn[order[: sampler.max_units]])
    return drawn
