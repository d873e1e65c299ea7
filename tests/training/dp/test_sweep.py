"""Sweeps with a training that is made up: the law of the number of runs, the choice, and what comes out."""

import gc
import math
import random
import weakref
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from secure_ds.training.dp.sweep import InvalidSweep, RunCountLaw, Selected, sweep

LAWS = [RunCountLaw(0.0, 0.05), RunCountLaw(1.0, 0.1), RunCountLaw(-0.5, 0.02), RunCountLaw(5.0, 0.3)]


@given(st.floats(-0.9, 5), st.floats(0.05, 0.9))
@settings(max_examples=40, deadline=None)
def test_probabilities_add_up_to_one_and_have_the_mean(eta: float, gamma: float) -> None:
    law = RunCountLaw(eta, gamma)
    chances = [law.probability(k) for k in range(1, 1500)]
    assert math.fsum(chances) == pytest.approx(1, rel=1e-6)
    assert math.fsum(k * chance for k, chance in enumerate(chances, 1)) == pytest.approx(law.mean, rel=1e-6)


def test_no_shape_near_zero_jumps() -> None:
    """The logarithmic law is the limit of the others."""
    for runs in (1, 3, 20):
        near, at = RunCountLaw(1e-7, 0.1).probability(runs), RunCountLaw(0.0, 0.1).probability(runs)
        assert near == pytest.approx(at, rel=1e-5)


@pytest.mark.parametrize("law", LAWS)
def test_draws_follow_the_law(law: RunCountLaw) -> None:
    """Chi-squared over 20,000 seeded draws: a right sampler fails for a fresh seed with probability 1e-6."""
    source = random.Random(7)
    draws = np.array([law.draw(source) for _ in range(20_000)])
    last = next(k for k in range(1, 10_000) if 20_000 * law.probability(k + 1) < 10)
    expected = 20_000 * np.array([law.probability(k) for k in range(1, last + 1)])
    seen = np.array([np.sum(draws == k) for k in range(1, last + 1)], dtype=float)
    rest = 20_000 - expected.sum()
    if rest > 5:
        expected, seen = np.append(expected, rest), np.append(seen, 20_000 - seen.sum())
    else:
        expected *= seen.sum() / expected.sum()
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
    chosen = sweep(["slow", "good", "fast", "broken"], RunCountLaw(1.0, 0.2), train, random.Random(seed))
    ranks = {"good": 3, "fast": 2, "slow": 1, "broken": 0}
    assert chosen.setting == max(train.tried, key=ranks.__getitem__)
    gc.collect()
    alive = [each for each in train.models if each() is not None]
    assert [each() for each in alive] == [chosen.model]
    assert alive[0] is train.models[train.tried.index(chosen.setting)]  # of equal scores the earliest


def test_only_the_winner_comes_out() -> None:
    assert {each.name for each in fields(Selected)} == {"setting", "model", "score", "candidates"}
    chosen = sweep([1, 2, 3], RunCountLaw(0.0, 0.1), lambda setting: (setting, float(setting)))
    assert chosen.candidates == 3 and chosen.score == chosen.setting == chosen.model


def test_candidates_are_drawn_uniformly() -> None:
    """3 candidates over some 10,000 seeded runs; chi-squared, error probability 1e-6 for a fresh seed."""
    train, source = Recorded({"a": 1.0, "b": 2.0, "c": 3.0}), random.Random(11)
    while len(train.tried) < 10_000:
        sweep(["a", "b", "c"], RunCountLaw(1.0, 0.1), train, source)
    assert stats.chisquare([train.tried.count(each) for each in "abc"]).pvalue > 1e-6


def test_what_is_no_sweep_is_refused() -> None:
    with pytest.raises(InvalidSweep):
        sweep([], RunCountLaw(1.0, 0.5), lambda _: (None, 0.0))
    for eta, gamma in ((-1.0, 0.5), (1.0, 0.0), (1.0, 1.0), (math.nan, 0.5), (1.0, 1e-5)):
        with pytest.raises(InvalidSweep):
            RunCountLaw(eta, gamma)
