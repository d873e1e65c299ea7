"""A sweep as one job: how many runs is drawn at random, each tries a random candidate, and the best alone comes out.

Rules kept here:

1. The number of runs is drawn before the first one, from a public law that no record touches, and it is a secret: the
   guarantee is for the draw, not for a number that is known. Nothing about it may leave the trainer: no progress by
   runs, no time of a single run. What the whole job took tells something of it, which the theorem does not cover.
2. Every run tries a candidate drawn uniformly, with replacement, whatever earlier runs gave.
3. Only the best run comes out, by its score; of equal scores the earliest. A score that is not a number is the least.
4. A score must be as private as the run it belongs to: measured on public data, or noised and paid for in the run.

What it costs is a function of the law and of one run, whatever the number of candidates: `selection_cost` of
`secure_ds.privacy.private_selection` (Papernot and Steinke 2022).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from secure_ds.privacy.private_selection import Runs

Setting = TypeVar("Setting")
Model = TypeVar("Model")


class InvalidSweep(ValueError):
    """There is nothing to try."""

    code = "invalid_sweep"


class NothingSelected(RuntimeError):
    """A Poisson number of runs was none, which is an outcome like any other: paid for, and without a model."""

    code = "nothing_selected"


class RandomSource(Protocol):
    """The operating system's randomness, or a test's."""

    def getrandbits(self, count: int, /) -> int:
        """Return an integer uniform in [0, 2**count)."""
        ...

    def randrange(self, stop: int, /) -> int:
        """Return an integer uniform in [0, stop)."""
        ...


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
    runs: Runs,
    train: Callable[[Setting], tuple[Model, float]],
    random: RandomSource | None = None,
) -> Selected[Setting, Model]:
    """Run a sweep.

    Args:
        candidates: settings to try, fixed and public.
        runs: law of the number of runs.
        train: carries out one run with fresh samples and noise; returns its model and a score that is part of what the
            run's privacy covers, higher for better.
        random: the operating system's when absent.

    Raises:
        InvalidSweep: there is no candidate.
        NothingSelected: the number of runs was none.
    """
    if not candidates:
        raise InvalidSweep("a sweep needs at least one candidate")
    bits = secrets.SystemRandom() if random is None else random
    best: Selected[Setting, Model] | None = None
    for _ in range(runs.draw(bits)):
        setting = candidates[bits.randrange(len(candidates))]
        model, score = train(setting)
        score = -math.inf if math.isnan(score) else score
        if best is None or score > best.score:
            best = Selected(setting, model, score, len(candidates))
    if best is None:
        raise NothingSelected("the number of runs drawn was none; the sweep is paid for, and there is no model")
    return best
