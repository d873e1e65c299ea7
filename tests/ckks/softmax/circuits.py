"""Softmax circuits for tests: records of several classes, encrypted, stepped and read back without noise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.decryption import decrypt_released
from secure_ds.ckks.encryption import encrypt_columns, n_blocks
from secure_ds.ckks.profiles import FAST, Profile
from secure_ds.ckks.softmax.evaluator import SoftmaxEvaluator
from secure_ds.ckks.softmax.plan import SoftmaxCircuit, plan_softmax
from tests.ckks.circuits import Keyed

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClassRecords:
    """Features (n, d), norm at most 1, and label vectors (n, c) of [y = k] - 1/c."""

    X: Array
    V: Array

    @property
    def columns(self) -> Array:
        slack = np.sqrt(np.maximum(0, 1 - (self.X**2).sum(axis=1)))
        return np.column_stack([self.X, slack, self.V])


def random_class_records(n: int, d: int, c: int, seed: int = 0) -> ClassRecords:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X *= rng.uniform(0.1, 1, size=(n, 1)) / np.linalg.norm(X, axis=1, keepdims=True)
    return ClassRecords(X, np.eye(c)[rng.integers(0, c, n)] - 1 / c)


def random_matrix(shape: tuple[int, int], norm: float, seed: int = 0) -> Array:
    matrix = np.random.default_rng(seed).normal(size=shape)
    return matrix * (norm / np.linalg.norm(matrix, 2))


def softmax_plan_for(records: ClassRecords, profile: Profile = FAST, radius: float = 6.0) -> SoftmaxCircuit:
    n, d = records.X.shape
    return plan_softmax(
        profile.parameters,
        input_scale=profile.input_scale,
        n_records=n,
        n_features=d,
        n_classes=records.V.shape[1],
        n_blocks=n_blocks(profile.parameters, n),
        radius=radius,
        eta=profile.eta,
        max_sigma=256.0,
    )


def encrypted_classes(ring: Keyed, records: ClassRecords) -> dict[tuple[int, int], bytes]:
    """Return ciphertexts by (column, block)."""
    parameters, scale = ring.profile.parameters, ring.profile.input_scale
    blocks = encrypt_columns(parameters, ring.secret_key, records.columns, scale, n_labels=records.V.shape[1])
    return {(column, block): data for column, block, data in blocks}


def loaded_softmax(ring: Keyed, records: ClassRecords, plan: SoftmaxCircuit) -> SoftmaxEvaluator:
    data, d = encrypted_classes(ring, records), plan.n_features
    evaluator = SoftmaxEvaluator(ring.engine, plan)
    for block in range(plan.n_blocks):
        labels = [data[d + 1 + label, block] for label in range(plan.n_classes)]
        evaluator.load_block((data[column, block] for column in range(d)), labels)
    return evaluator


def decrypted_gradient(ring: Keyed, answer: list[bytes], plan: SoftmaxCircuit) -> Array:
    """Return the (c, d) sums that the ciphertexts of an answer hold."""
    numbers: list[int] = []
    for ciphertext, (positions, scale) in zip(answer, plan.sums, strict=True):
        numbers += decrypt_released(
            plan.parameters,
            ring.secret_key,
            ciphertext,
            level=plan.answer_level,
            scale=scale,
            positions=positions,
            noise=[0] * len(positions),
        )
    return np.array(numbers, dtype=np.float64).reshape(plan.n_classes, plan.n_features) / plan.scales.answer
