"""Whole circuits for tests: keys made once, records encrypted, stepped and read back without noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from tenseal import sealapi

from secure_ds.ckks import clear_twin
from secure_ds.ckks.context import seal_context
from secure_ds.ckks.decryption import decrypt_released, decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns, n_blocks
from secure_ds.ckks.engine import Engine
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.logistic import ONE, LogisticEvaluator
from secure_ds.ckks.memory_io import save
from secure_ds.ckks.planner import CircuitPlan, plan_logistic
from secure_ds.ckks.profiles import FAST, Profile
from secure_ds.ckks.seal_keys import seal_secret_key
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.weights import unpack
from secure_ds.core.resources import Resources

Array = npt.NDArray[np.float64]
RADIUS = 8.0


@dataclass(frozen=True)
class Keyed:
    """A profile with one secret key and an engine over its evaluation keys."""

    profile: Profile
    secret_key: SecretKey
    engine: Engine
    keys: dict[str, bytes] = field(repr=False, default_factory=dict)


@lru_cache(maxsize=4)
def keyed(profile: Profile = FAST) -> Keyed:
    parameters = profile.parameters
    secret_key = generate_secret_key(parameters)
    keys = dict(generate_key_files(parameters, secret_key))
    return Keyed(profile, secret_key, Engine(parameters, keys), keys)


@dataclass(frozen=True)
class Records:
    """Features (n, d), norm at most 1, and labels v = y - 1/2."""

    X: Array
    v: Array

    @property
    def columns(self) -> Array:
        slack = np.sqrt(np.maximum(0, 1 - (self.X**2).sum(axis=1)))
        return np.column_stack([self.X, slack, self.v])


def random_records(n: int, d: int, seed: int = 0) -> Records:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X *= rng.uniform(0.1, 1, size=(n, 1)) / np.linalg.norm(X, axis=1, keepdims=True)
    return Records(X, rng.integers(0, 2, n) - 0.5)


def random_weights(d: int, norm: float, seed: int = 0) -> Array:
    weights = np.random.default_rng(seed).normal(size=d)
    return weights * (norm / np.linalg.norm(weights))


def plan_for(records: Records, profile: Profile = FAST, radius: float = RADIUS) -> CircuitPlan:
    n, d = records.X.shape
    return plan_logistic(
        profile.parameters,
        input_scale=profile.input_scale,
        n_records=n,
        n_features=d,
        n_blocks=n_blocks(profile.parameters, n),
        radius=radius,
        eta=profile.eta,
    )


def encrypted(ring: Keyed, columns: Array, n_labels: int = 1) -> dict[tuple[int, int], bytes]:
    """Return ciphertexts by (column, block); the last columns are labels."""
    scale = ring.profile.input_scale
    blocks = encrypt_columns(ring.profile.parameters, ring.secret_key, columns, scale, n_labels)
    return {(column, block): data for column, block, data in blocks}


def encrypted_complex(ring: Keyed, values: npt.NDArray[np.complex128]) -> bytes:
    """Encrypt slots of one's own choice, as only a hostile client would."""
    context = seal_context(ring.profile.parameters)
    plaintext = sealapi.Plaintext()
    sealapi.CKKSEncoder(context).encode(values.tolist(), ring.profile.input_scale, plaintext)
    secret = seal_secret_key(ring.profile.parameters, ring.secret_key)
    return save(sealapi.Encryptor(context, secret).encrypt_symmetric(plaintext))


def loaded_evaluator(ring: Keyed, records: Records, plan: CircuitPlan) -> LogisticEvaluator:
    return evaluator_of(ring, encrypted(ring, records.columns), plan)


def evaluator_of(
    ring: Keyed, data: dict[tuple[int, int], bytes], plan: CircuitPlan, resources: Resources = ONE
) -> LogisticEvaluator:
    """Load ciphertexts as `encrypted` returns them."""
    evaluator = LogisticEvaluator(ring.engine, plan, resources, ring.keys)
    for block in range(plan.n_blocks):
        features = (data[column, block] for column in range(plan.n_features))
        evaluator.load_block(features, data[plan.n_features + 1, block])
    return evaluator


def decrypted_answer(ring: Keyed, answer: bytes, plan: CircuitPlan) -> Array:
    released = decrypt_released(
        plan.parameters,
        ring.secret_key,
        answer,
        level=plan.answer_level,
        scale=plan.answer_scale,
        positions=plan.positions,
        noise=[0] * plan.n_features,
    )
    return unpack(released, plan)


def decrypted_slots(ring: Keyed, data: bytes, level: int, scale: float) -> npt.NDArray[np.complex128]:
    return decrypt_slots(ring.profile.parameters, ring.secret_key, data, level=level, scale=scale)


def answer_error(ring: Keyed, records: Records, plan: CircuitPlan, weights: Sequence[int]) -> float:
    """Return the l2 distance between the decrypted answer of a step and the clear twin's."""
    answer = loaded_evaluator(ring, records, plan).step(weights)
    expected = clear_twin.step(records.X, records.v, weights, plan)
    return float(np.linalg.norm(decrypted_answer(ring, answer, plan) - expected))
