"""Seconds per record and training step: the per-record tutorial circuit against ours, in one run on one core.

The tutorial circuit is the usual first program with TenSEAL: one `ckks_vector` per record, a dot product, a polynomial
sigmoid of degree 3, and the record times the error, with encrypted weights, at N = 8192. It stops after one step
(its weights have no levels left); ours goes on for any number. Records are random: no timing depends on their values.

Measures processor time, so that other load on the machine counts for neither side, and the share of our step spent
outside homomorphic arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tenseal

from benchmarks import step_profiles
from benchmarks.rows import Row
from secure_ds.ckks import clear_twin
from secure_ds.ckks.decryption import decrypt_released
from secure_ds.ckks.encryption import encrypt_columns, n_blocks
from secure_ds.ckks.engine import Engine
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.logistic import LogisticEvaluator
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import CircuitPlan, plan_logistic, statistical_bits
from secure_ds.ckks.profiles import DEFAULT, Profile
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.weights import quantise, unpack

RECORDS, FEATURES = 11_982, 196
STEPS, TUTORIAL_RECORDS = 3, 5
RADIUS, SIGMA, TAU = 8.0, 23, 32
TUTORIAL_SIGMOID = [0.5, 0.197, 0, -0.004]
ARITHMETIC = (
    "accumulate",
    "add",
    "add_constant",
    "automorphism",
    "conjugate",
    "drop_to",
    "multiply",
    "multiply_integer",
    "negate",
    "relinearise",
    "rescale",
    "shift",
    "square",
    "subtract",
)


class TimedEngine(Engine):
    """An engine that adds up the processor time its arithmetic takes."""

    def __init__(self, parameters: Parameters, keys: Mapping[str, bytes]) -> None:
        super().__init__(parameters, keys)
        self.seconds = 0.0
        for name in ARITHMETIC:
            setattr(self, name, self._timed(getattr(self, name)))

    def _timed(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = time.process_time()
            try:
                return operation(*arguments)
            finally:
                self.seconds += time.process_time() - start

        return timed


def tutorial_seconds_per_record(n_records: int, n_features: int) -> float:
    """Time the per-record circuit."""
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[40, *[21] * 6, 40], n_threads=1)
    context.global_scale = 2.0**21
    context.generate_galois_keys()
    rng = np.random.default_rng(0)

    def encrypt(size: int) -> Any:
        return tenseal.ckks_vector(context, (0.1 * rng.normal(size=size)).tolist())

    weights, bias = encrypt(n_features), encrypt(1)
    records = [(encrypt(n_features), encrypt(1)) for _ in range(n_records)]
    gradient, bias_gradient = 0, 0
    start = time.process_time()
    for record, label in records:
        error = (record.dot(weights) + bias).polyval(TUTORIAL_SIGMOID) - label
        gradient += record * error
        bias_gradient += error
    return (time.process_time() - start) / n_records


def random_records(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features with norms up to 1, and labels v = y - 1/2."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, d))
    X *= rng.uniform(0.2, 1, size=(n, 1)) / np.linalg.norm(X, axis=1, keepdims=True)
    return X, rng.integers(0, 2, n) - 0.5


def prepare(
    profile: Profile, X: np.ndarray, v: np.ndarray
) -> tuple[TimedEngine, LogisticEvaluator, CircuitPlan, SecretKey]:
    """Make keys, encrypt the records column by column and load them."""
    parameters, secret_key = profile.parameters, generate_secret_key(profile.parameters)
    keys = dict(generate_key_files(parameters, secret_key))
    n, d = X.shape
    plan = plan_logistic(
        parameters,
        input_scale=profile.input_scale,
        n_records=n,
        n_features=d,
        n_blocks=n_blocks(parameters, n),
        radius=RADIUS,
        eta=profile.eta,
    )
    engine = TimedEngine(parameters, keys)
    evaluator = LogisticEvaluator(engine, plan)
    columns, capacity = np.column_stack([X, v]), parameters.poly_modulus_degree
    for block in range(plan.n_blocks):
        rows = columns[block * capacity : (block + 1) * capacity]
        *features, label = (item.data for item in encrypt_columns(parameters, secret_key, rows, profile.input_scale, 1))
        evaluator.load_block(features, label)
    return engine, evaluator, plan, secret_key


def our_step(
    profile: Profile, n_records: int, n_features: int, n_steps: int
) -> tuple[float, float, float, CircuitPlan]:
    """Return processor seconds per step, the share outside arithmetic, the largest error, and the plan."""
    X, v = random_records(n_records, n_features)
    engine, evaluator, plan, secret_key = prepare(profile, X, v)
    rng, spent, worst = np.random.default_rng(2), 0.0, 0.0
    evaluator.step([0] * n_features)  # encodes the monomials, once per process
    engine.seconds = 0.0
    for _ in range(n_steps):
        direction = rng.normal(size=n_features)
        start = time.process_time()
        weights = quantise(RADIUS * direction / np.linalg.norm(direction), plan)
        answer = evaluator.step(weights)
        spent += time.process_time() - start
        released = decrypt_released(
            plan.parameters,
            secret_key,
            answer,
            level=plan.answer_level,
            scale=plan.answer_scale,
            positions=plan.positions,
            noise=[0] * n_features,
        )
        error = np.linalg.norm(unpack(released, plan) - clear_twin.step(X, v, weights, plan))
        worst = max(worst, float(error))
    return spent / n_steps, 1 - engine.seconds / spent, worst, plan


def run() -> list[Row]:
    """Run both circuits and compare."""
    tutorial = tutorial_seconds_per_record(TUTORIAL_RECORDS, FEATURES)
    seconds, outside, error, plan = our_step(DEFAULT, RECORDS, FEATURES, STEPS)
    ours = seconds / RECORDS
    ratio, shape = tutorial / ours, f"{RECORDS} x {FEATURES}, {DEFAULT.name}"
    bits = statistical_bits(plan, SIGMA, TAU)
    return [
        Row("per-record circuit, a record and step", tutorial, "s"),
        Row(
            f"ours, a record and step ({shape})",
            ours,
            "s",
            against=f"per-record circuit {tutorial:.3g} s",
            ratio=ratio,
            target="ratio at least 500",
            holds=ratio >= 500,
        ),
        Row("ours, a step", seconds, "s"),
        Row("outside homomorphic arithmetic", 100 * outside, "%", target="at most 15", holds=outside <= 0.15),
        Row("l2 error of an answer", error, "1", target=f"at most {plan.beta:.3g}, proven", holds=error <= plan.beta),
        Row(f"statistical bits, {TAU} answers, sigma {SIGMA}", bits, "bit", target="at least 48", holds=bits >= 48),
        *step_profiles.rows(*random_records(step_profiles.RECORDS, step_profiles.FEATURES)),
    ]
