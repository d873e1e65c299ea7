"""The mechanism as one frozen value, read by the trainer for its noise and by the accountant for its cost.

Rules kept here:
- One value holds sensitivities, noise and charges, so that what runs and what is accounted cannot drift apart.
- Neighbours are *zero-out one record* (`REPLACE_SPECIAL` in dp-accounting): a record is replaced by the all-zero record
  and n is public. A person with up to k records multiplies every sensitivity by k.
- Noise is added to sums, never to means; what divides them later is a public constant.

Formal guarantee: step t releases f_t(D, earlier answers) + N(0, sigma^2 I), where for neighbours D, D' and whatever the
earlier answers were |f_t(D) - f_t(D')|_2 <= sensitivities[t]. Each step is (sensitivities[t] / sigma)-GDP, and their
adaptive composition is mu-GDP with mu^2 = sum_t (sensitivities[t] / sigma)^2 <= sum(charges) * 1e-12 (Dong, Roth, Su
2022, corollary 3.3).
"""

from dataclasses import dataclass
from functools import cached_property
from math import fsum, inf, nextafter, sqrt
from typing import Final

from secure_ds.privacy.calibration import sigma_for
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.gdp import ACCOUNTANT, charge

NEIGHBOURS: Final = "zero-out one record"


@dataclass(frozen=True)
class GaussianMechanism:
    """A fixed number of Gaussian releases with one noise level.

    Attributes:
        sensitivities: l2 sensitivity of each step's sum for one person, in units of the sum.
        sigma: standard deviation of the noise on every coordinate of every step, same units.
        records_per_person: k; already contained in `sensitivities`.
    """

    sensitivities: tuple[float, ...]
    sigma: float
    records_per_person: int = 1

    def __post_init__(self) -> None:
        if not self.sensitivities or self.records_per_person < 1:
            raise InvalidPrivacyParameter("a mechanism has at least one step, and a person at least one record")

    @property
    def steps(self) -> int:
        """Number of releases."""
        return len(self.sensitivities)

    @cached_property
    def charges(self) -> tuple[int, ...]:
        """Cost of each step in units of 1e-12 mu^2, each rounded up."""
        return tuple(charge(sensitivity, self.sigma) for sensitivity in self.sensitivities)

    @property
    def unit(self) -> str:
        """What is protected, in words for the certificate."""
        return "record" if self.records_per_person == 1 else f"person with up to {self.records_per_person} records"

    def to_json(self) -> dict[str, object]:
        """Return the event as it stands on certificates: enough for anyone to redo the accounting."""
        return {
            "event": "composed_gaussian",
            "accountant": ACCOUNTANT,
            "neighbours": NEIGHBOURS,
            "unit": self.unit,
            "records_per_person": self.records_per_person,
            "steps": self.steps,
            "sigma": self.sigma,
            "sensitivities": _run_lengths(self.sensitivities),
        }


@dataclass(frozen=True)
class NoNoise:
    """One release without noise, for somebody who knows the records already; it has the face of `GaussianMechanism`.

    It is charged the least that a ledger can book, 1e-12 of mu squared and one decryption, so that it is counted and
    recorded like every other.

    Attributes:
        recipient: who alone can read it, in words for the record.
    """

    recipient: str
    sensitivities: tuple[float, ...] = (0.0,)
    sigma: float = 0.0
    charges: tuple[int, ...] = (1,)
    unit: str = "nobody"

    @property
    def steps(self) -> int:
        """Number of releases."""
        return len(self.charges)

    def to_json(self) -> dict[str, object]:
        """Return the event as it stands in plans."""
        return {"event": "no_noise", "recipient": self.recipient}


def calibrate(sensitivities: tuple[float, ...], units: int, records_per_person: int, least: float) -> GaussianMechanism:
    """Return the mechanism of the least noise that costs at most `units` in total.

    Args:
        sensitivities: l2 sensitivity of each step for one *record*.
        units: cost allowed for all steps together, in units of 1e-12 mu^2.
        records_per_person: records that one person may have.
        least: a lower bound on sigma for other reasons (flooding); cost only falls by it.

    Raises:
        InvalidPrivacyParameter: the budget is less than a unit a step.
    """
    person = tuple(records_per_person * sensitivity for sensitivity in sensitivities)
    total = sqrt(fsum(sensitivity * sensitivity for sensitivity in person))
    sigma = max(least, sigma_for(total, units - len(person)))  # each charge rounds up by less than a unit
    mechanism = GaussianMechanism(person, sigma, records_per_person)
    while sum(mechanism.charges) > units:
        mechanism = GaussianMechanism(person, nextafter(mechanism.sigma, inf), records_per_person)
    return mechanism


def _run_lengths(values: tuple[float, ...]) -> list[list[float | int]]:
    """[[count, value], ...] of equal neighbours, so that a thousand equal steps take one line."""
    runs: list[list[float | int]] = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1][0] += 1
        else:
            runs.append([1, value])
    return runs
