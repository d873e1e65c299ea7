"""A training step in every profile, against one multiplication and relinearisation, and on two processes against one.

All on MNIST's shape, 11,982 x 197, in the same run, so that ratios do not depend on the machine. Steps of one process
are measured in processor time. Two processes are measured by the clock, both ways in turn, since processor time does
not show waiting; other load on the machine counts against them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.rows import Row
from secure_ds.ckks.encryption import encrypt_columns, n_blocks
from secure_ds.ckks.engine import Engine
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.logistic import LogisticEvaluator
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import CircuitPlan, plan_logistic, statistical_bits
from secure_ds.ckks.profiles import FAST, MEDIUM, STRONG, Profile
from secure_ds.ckks.weights import quantise
from secure_ds.core.resources import Resources

RECORDS, FEATURES = 11_982, 197
RADIUS, SIGMA, TAU = 8.0, 23, 32
REPEATS = 5
LIMIT_FAST, LIMIT_STRONG, LIMIT_TWO = 200, 1.9, 1.7
_UNIT = Parameters.from_bits(8192, (35, 35, 35, 35, 35, 36))


class Loaded:
    """One profile's keys, plan and encrypted data."""

    def __init__(self, profile: Profile, X: np.ndarray, v: np.ndarray) -> None:
        self.profile, self._parameters = profile, profile.parameters
        secret_key = generate_secret_key(self._parameters)
        self._keys = dict(generate_key_files(self._parameters, secret_key))
        self.plan = _plan(profile)
        columns, capacity = np.column_stack([X, v]), self._parameters.poly_modulus_degree
        self._blocks = [
            [
                item.data
                for item in encrypt_columns(
                    self._parameters, secret_key, columns[first : first + capacity], profile.input_scale, 1
                )
            ]
            for first in range(0, len(X), capacity)
        ]

    def evaluator(self, processes: int) -> LogisticEvaluator:
        """Load the data into that many processes and take a first step."""
        engine = Engine(self._parameters, self._keys)
        evaluator = LogisticEvaluator(engine, self.plan, Resources(processes), self._keys)
        for *features, label in self._blocks:
            evaluator.load_block(features, label)
        evaluator.step(self.weights)
        return evaluator

    @property
    def weights(self) -> tuple[int, ...]:
        """Some weights at the radius."""
        direction = np.random.default_rng(2).normal(size=FEATURES)
        return quantise(RADIUS * direction / np.linalg.norm(direction), self.plan)


def rows(X: np.ndarray, v: np.ndarray) -> list[Row]:
    """Measure all profiles on these records, (n, FEATURES) with labels y - 1/2."""
    unit = _unit_seconds()
    fast, medium, strong = (Loaded(profile, X, v) for profile in (FAST, MEDIUM, STRONG))
    of_fast, of_medium, of_strong = (_step_seconds(loaded) for loaded in (fast, medium, strong))
    one, two = _one_and_two(strong)
    return [
        Row("one multiplication and relinearisation, N = 8192, 5 data primes", 1000 * unit, "ms"),
        _step_row(fast, of_fast, "such a multiplication", unit, LIMIT_FAST),
        _bits_row(fast.plan, FAST, None),
        _step_row(medium, of_medium, "the fast profile", of_fast, None),
        _bits_row(medium.plan, MEDIUM, None),
        _step_row(strong, of_strong, "the fast profile", of_fast, LIMIT_STRONG),
        _bits_row(strong.plan, STRONG, 48),
        Row(
            f"a step on two processes, {STRONG.name}",
            two,
            "s",
            against=f"one process {one:.3g} s",
            ratio=one / two,
            target=f"ratio at least {LIMIT_TWO:g}",
            holds=one / two >= LIMIT_TWO,
        ),
    ]


def _step_row(loaded: Loaded, seconds: float, name: str, against: float, limit: float | None) -> Row:
    target = None if limit is None else f"at most {limit:g} times {name}, it is {seconds / against:.3g} times"
    holds = None if limit is None else seconds <= limit * against
    title = f"a step, one process, {loaded.profile.name}"
    return Row(title, seconds, "s", f"{name} {against:.3g} s", against / seconds, target, holds)


def _bits_row(plan: CircuitPlan, profile: Profile, least: float | None) -> Row:
    bits = statistical_bits(plan, SIGMA, TAU)
    title = f"proven statistical bits, {TAU} answers, sigma {SIGMA}, {profile.name}"
    if least is None:
        return Row(title, bits, "bit")
    return Row(title, bits, "bit", target=f"at least {least:g}", holds=bits >= least)


def _unit_seconds() -> float:
    secret_key = generate_secret_key(_UNIT)
    engine = Engine(_UNIT, dict(generate_key_files(_UNIT, secret_key)))
    columns = np.random.default_rng(0).normal(size=(_UNIT.poly_modulus_degree, 2))
    left, right = (engine.load(item.data) for item in encrypt_columns(_UNIT, secret_key, columns, 2.0**25, 0))
    engine.relinearise(engine.multiply(left, right, 2.0**50))
    return _least(lambda: engine.relinearise(engine.multiply(left, right, 2.0**50)), time.process_time, 20)


def _step_seconds(loaded: Loaded) -> float:
    evaluator, weights = loaded.evaluator(processes=1), loaded.weights
    return _least(lambda: evaluator.step(weights), time.process_time, REPEATS)


def _one_and_two(loaded: Loaded) -> tuple[float, float]:
    """Return the least seconds of a step on one process and on two, measured in turn."""
    alone, together, weights = loaded.evaluator(1), loaded.evaluator(2), loaded.weights
    one = two = float("inf")
    for _ in range(2 * REPEATS):
        one = min(one, _least(lambda: alone.step(weights), time.perf_counter, 1))
        two = min(two, _least(lambda: together.step(weights), time.perf_counter, 1))
    together.close()
    return one, two


def _least(act: Callable[[], object], clock: Callable[[], float], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = clock()
        act()
        seconds.append(clock() - start)
    return min(seconds)


def _plan(profile: Profile) -> CircuitPlan:
    return plan_logistic(
        profile.parameters,
        input_scale=profile.input_scale,
        n_records=RECORDS,
        n_features=FEATURES,
        n_blocks=n_blocks(profile.parameters, RECORDS),
        radius=RADIUS,
        eta=profile.eta,
    )
