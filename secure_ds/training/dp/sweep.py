"""A sweep as one job: how many runs is drawn at random, each tries a random candidate, and the best alone comes out.

Rules kept here:

1. The number of runs is drawn before the first one, from a public law that no record touches (Papernot and Steinke
   2022, "Hyperparameter tuning with Renyi differential privacy", definition 1), and it is a secret: the guarantee is
   for the draw, not for a number that is known. Nothing about it may leave the trainer: no progress by runs, no time of
   a single run. What the whole job took says something about it; that is the theorem's limit, and is said.
2. Every run tries a candidate drawn uniformly, with replacement, whatever earlier runs gave.
3. Only the best run comes out, by its score; of equal scores the earliest. A score that is not a number is the least.
4. A score must be as private as the run it belongs to: measured on public data, or noised and paid for in the run.

What it costs is a function of the law and of one run's cost, `secure_ds.privacy`; it does not grow with the number of
candidates.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

Setting = TypeVar("Setting")
Model = TypeVar("Model")

MAX_MEAN_RUNS: Final = 1000.0
_BITS: Final = 53
_NEGLIGIBLE: Final = 2.0**-_BITS


class InvalidSweep(ValueError):
    """A sweep without candidates, or a law that is none."""

    code = "invalid_sweep"


class RandomSource(Protocol):
    """The operating system's randomness, or a test's."""

    def getrandbits(self, count: int, /) -> int:
        """Return an integer uniform in [0, 2**count)."""
        ...

    def randrange(self, stop: int, /) -> int:
        """Return an integer uniform in [0, stop)."""
        ...


@dataclass(frozen=True, slots=True)
class RunCountLaw:
    """Truncated negative binomial: P[k] is proportional to (1 - gamma)^k prod_{l < k} (l + eta) / (l + 1), k >= 1.

    eta = 1 is the geometric law, eta = 0 the logarithmic one; the smaller, the heavier the tail and the less a sweep
    costs for as many runs on average.

    Attributes:
        eta: above -1.
        gamma: in (0, 1); the smaller, the more runs.

    Raises:
        InvalidSweep: a number is out of range, or there would be more than 1000 runs on average.
    """

    eta: float
    gamma: float

    def __post_init__(self) -> None:
        if not (self.eta > -1 and math.isfinite(self.eta) and 0 < self.gamma < 1):
            raise InvalidSweep(f"eta must be above -1 and gamma in (0, 1), got {self.eta} and {self.gamma}")
        if self.mean > MAX_MEAN_RUNS:
            raise InvalidSweep(f"{self.mean:.4g} runs on average are more than {MAX_MEAN_RUNS:g}; use a larger gamma")

    @property
    def mean(self) -> float:
        """Runs on average."""
        if self.eta == 0:
            return (1 / self.gamma - 1) / math.log(1 / self.gamma)
        return self.eta * (1 - self.gamma) / (self.gamma * (1 - self.gamma**self.eta))

    def probability(self, runs: int) -> float:
        """Return P[number of runs = runs]."""
        if runs < 1:
            return 0.0
        if self.eta == 0:
            return (1 - self.gamma) ** runs / (runs * math.log(1 / self.gamma))
        product = math.prod((step + self.eta) / (step + 1) for step in range(runs))
        return (1 - self.gamma) ** runs / (self.gamma**-self.eta - 1) * product

    def draw(self, random: RandomSource) -> int:
        """Draw a number of runs, by inversion of 53 random bits: right to a total variation of about 1e-14."""
        left, runs = (random.getrandbits(_BITS) + 0.5) * 2.0**-_BITS, 1
        chance = self.probability(1)
        while left > chance and chance > _NEGLIGIBLE:
            left -= chance
            chance *= (1 - self.gamma) * (runs + self.eta) / (runs + 1)
            runs += 1
        return runs


@dataclass(frozen=True, slots=True)
class Selected(Generic[Setting, Model]):
    """What comes out of a sweep.

    Attributes:
        setting: of the best run.
        model: of the best run.
        score: of the best run.
        candidates: how many settings there were to draw from; how many runs were made is not said.
    """

    setting: Setting
    model: Model
    score: float
    candidates: int


def sweep(
    candidates: Sequence[Setting],
    law: RunCountLaw,
    train: Callable[[Setting], tuple[Model, float]],
    random: RandomSource | None = None,
) -> Selected[Setting, Model]:
    """Run a sweep.

    Args:
        candidates: settings to try, fixed and public.
        law: of the number of runs.
        train: carries out one run with fresh samples and noise; returns its model and a score that is part of what the
            run's privacy covers, higher for better.
        random: the operating system's when absent.

    Raises:
        InvalidSweep: there is no candidate.
    """
    if not candidates:
        raise InvalidSweep("a sweep needs at least one candidate")
    bits = secrets.SystemRandom() if random is None else random
    best: Selected[Setting, Model] | None = None
    for _ in range(law.draw(bits)):
        setting = candidates[bits.randrange(len(candidates))]
        model, score = train(setting)
        score = -math.inf if math.isnan(score) else score
        if best is None or score > best.score:
            best = Selected(setting, model, score, len(candidates))
    assert best is not None  # at least one run
    return best
