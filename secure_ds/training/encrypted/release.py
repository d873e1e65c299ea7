"""What a step hands to the custodian, and what the custodian may read of it: the form of every release.

Rules kept here:
1. Forms come from a plan, which both sides compute: level, scale, positions, noise and grid are never taken from a
   message.
2. One step is one release, whatever the number of its ciphertexts: it is paid for, answered and stored as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from secure_ds.core.digest import digest_bytes
from secure_ds.privacy.discrete_gaussian import RandomBits, sample_discrete_gaussian


@dataclass(frozen=True, slots=True)
class Rounding:
    """What an answer's integers are rounded to before noise, where the plan proves that exact.

    Attributes:
        unit: integers of the plaintext in one unit.
        steps: steps of the noise in one unit.
    """

    unit: Fraction
    steps: int


@dataclass(frozen=True, slots=True)
class Release:
    """One ciphertext of a step.

    Attributes:
        level: the level it must be at.
        scale: the scale it must state.
        positions: coefficients that are read; no other may be.
        variances: parameter of the discrete Gaussian added to each, in units of the answer's integers squared, or of
            the steps of `rounding`; 0 for none, in plans whose answers are sealed to their recipient.
        step: what is read is rounded to multiples of this, the public grid.
        rounding: units to round to before noise is added; None adds noise to what is decrypted as it is.
    """

    level: int
    scale: float
    positions: tuple[int, ...]
    variances: tuple[int, ...]
    step: int
    rounding: Rounding | None = None

    def draw_noise(self, random: RandomBits) -> list[int]:
        """Draw the noise of every position, in order."""
        return [
            value
            for variance, run in groupby(self.variances)
            for value in _noise(variance, sum(1 for _ in run), random)
        ]

    def to_grid(self, value: int) -> int:
        """Round an integer of the answer to the public grid; halves go up."""
        return (2 * value + self.step) // (2 * self.step)


def _noise(variance: int, count: int, random: RandomBits) -> list[int]:
    return sample_discrete_gaussian(variance, count, random) if variance else count * [0]


def split_answer(releases: Sequence[Release], answer: Sequence[int]) -> Iterator[tuple[Release, Sequence[int]]]:
    """Yield each release with its share of an answer, which lists the integers of all of them in order.

    Raises:
        ValueError: the answer has another length.
    """
    expected = sum(len(release.positions) for release in releases)
    if len(answer) != expected:
        raise ValueError(f"an answer has {expected} integers, got {len(answer)}")
    start = 0
    for release in releases:
        end = start + len(release.positions)
        yield release, answer[start:end]
        start = end


def digest_of(ciphertexts: Sequence[bytes]) -> str:
    """Return the digest of a step's ciphertexts; their lengths are the plan's, so it is unambiguous."""
    return digest_bytes(b"".join(ciphertexts))
