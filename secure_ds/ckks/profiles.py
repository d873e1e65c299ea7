"""Named parameter sets: the ones a data owner may choose.

A profile fixes what must be known when records are encrypted (parameters and the scale of every column). What a job
chooses later (radius, steps) moves the other scales, which the planner computes.

| profile | for | proven statistical bits at 32 answers, sigma = 23, radius 8: 11,982 x 197; 60,000 x 400 |
|---|---|---|
| ``strong-16384`` | everything; the default | 51; 47 |
| ``medium-16384`` | answers that few people see; a tenth less time, a fifth less space | 30; 23 |
| ``fast-8192`` | tests and trials on data that is no secret | 7; it cannot check norms |
| ``statistics-8192`` | least squares alone, which takes a third of the time there | all: its answers are exact |

Below the bits that a profile promises, noise is raised until it keeps them (`flooding_sigma`).
"""

from __future__ import annotations

from dataclasses import dataclass

from secure_ds.ckks.parameters import Parameters


@dataclass(frozen=True)
class Profile:
    """Parameters with the scale of the encrypted columns.

    Attributes:
        name: the name a caller uses.
        parameters: the CKKS parameters.
        input_scale: scale of every uploaded column; a power of two, so exact in every encoding.
        eta: tolerance of the norm check at upload.
        statistical_bits: least statistical security of `REFERENCE_ANSWERS` answers; noise is raised where it must be.
            More answers, up to the key's limit, may cost `BITS_FOR_MORE_ANSWERS` of it.
    """

    name: str
    parameters: Parameters
    input_scale: float
    eta: float
    statistical_bits: float


REFERENCE_ANSWERS = 32
"""Number of answers for which a profile states its statistical bits."""
BITS_FOR_MORE_ANSWERS = 8.0

STRONG = Profile("strong-16384", Parameters.from_bits(16384, (60, 60, 50, 60, 60, 60)), 2.0**50, 2.0**-20, 48.0)
MEDIUM = Profile("medium-16384", Parameters.from_bits(16384, (60, 60, 60, 60, 60)), 2.0**40, 2.0**-14, 28.0)
FAST = Profile("fast-8192", Parameters.from_bits(8192, (36, 34, 34, 36, 36, 38)), 2.0**30, 2.0**-8, 6.0)
STATISTICS = Profile("statistics-8192", Parameters.from_bits(8192, (60, 60, 34, 60)), 2.0**56, 2.0**-20, 48.0)

PROFILES = {profile.name: profile for profile in (STRONG, MEDIUM, FAST, STATISTICS)}
DEFAULT = STRONG


def statistical_bits_of(parameters: Parameters) -> float:
    """Return the least statistical security that jobs under these parameters have at `REFERENCE_ANSWERS` answers.

    Parameters of no profile are held to the default's.
    """
    own = (profile.statistical_bits for profile in PROFILES.values() if profile.parameters == parameters)
    return next(own, DEFAULT.statistical_bits)
