"""Sweeps with a training that is made up: the law of the number of runs, the choice, and what comes out."""

import gc
import math
import random
import weakref
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from scipy import stats

from secure_ds.privacy.private_selection import Runs
from secure_ds.training.dp.sweep import InvalidSweep, NothingSelected, Selected, sweep

LAWS = [Runs("geometric", 8.0), Runs("poisson", 5.0)]


@pytest.mark.parametrize("runs", LAWS)
def test_the_number_of_runs_follows_its_law(runs: Runs) -> None:
    """Chi-squared over 3000 seeded sweeps: a right one fails for a fresh seed with probability 1e-6."""
    source, counts = random.Random(7), np.zeros(400)
    for _ in range(3000):
        train = Recorded({"a": 1.0})
        with suppress(NothingSelected):
            sweep(["a"], runs, train, source)
        counts[len(train.tried)] += 1
    expected = 3000 * np.array([float(runs.probability(k)) for k in range(400)])
    often = expected >= 5
    seen, expected = (np.append(each[often], 3000 - each[often].sum()) for each in (counts, expected))
    assert stats.chi2.sf(float(np.sum((seen - expected) ** 2 / expected)), len(seen) - 1) > 1e-6


class Recorded:
    """A training whose runs are counted; the model is an object of its own."""

    class Model:
        pass

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores, self.tried, self.models = scores, [], []

    def __call__(self, setting: str) -> tuple["Recorded.Model", float]:
        model = self.Model()
        self.tried.append(setting)
        self.models.append(weakref.ref(model))
        return model, self.scores[setting]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_run_wins_and_the_others_are_gone(seed: int) -> None:
    train = Recorded({"slow": 0.2, "good": 0.9, "fast": 0.5, "broken": math.nan})
    chosen = sweep(["slow", "good", "fast", "broken"], Runs("geometric", 5.0), train, random.Random(seed))
    ranks = {"good": 3, "fast": 2, "slow": 1, "broken": 0}
    assert chosen.setting == max(train.tried, key=ranks.__getitem__)
    gc.collect()
    alive = [each for each in train.models if each() is not None]
    assert [each() for each in alive] == [chosen.model]
    assert alive[0] is train.models[train.tried.index(chosen.setting)]  # of equal scores the earliest


def test_only_the_winner_comes_out() -> None:
    assert {each.name for each in fields(Selected)} == {"setting", "model", "score", "candidates"}
    chosen = sweep([1, 2, 3], Runs("geometric", 4.0), lambda setting: (setting, float(setting)))
    assert chosen.candidates == 3 and chosen.score == chosen.setting == chosen.model


def test_candidates_are_drawn_uniformly() -> None:
    """3 candidates over some 10,000 seeded runs; chi-squared, error probability 1e-6 for a fresh seed."""
    train, source = Recorded({"a": 1.0, "b": 2.0, "c": 3.0}), random.Random(11)
    while len(train.tried) < 10_000:
        sweep(["a", "b", "c"], Runs("geometric", 10.0), train, source)
    assert stats.chisquare([train.tried.count(each) for each in "abc"]).pvalue > 1e-6


def test_what_is_no_sweep_is_refused() -> None:
    with pytest.raises(InvalidSweep):
        sweep([], Runs("geometric", 2.0), lambda _: (None, 0.0))


def test_no_run_is_an_outcome() -> None:
    class AllZero(random.Random):
        def getrandbits(self, count: int) -> int:
            return 0

    with pytest.raises(NothingSelected):
        sweep(["a"], Runs("poisson", 2.0), Recorded({"a": 1.0}), AllZero())
