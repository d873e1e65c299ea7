"""Hidden-layer circuits for tests: encrypted, stepped and read back without noise, and the same in the clear."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.circuit import PackedSums
from secure_ds.ckks.decryption import decrypt_released
from secure_ds.ckks.encryption import n_blocks
from secure_ds.ckks.hidden_layer.evaluator import HiddenLayerEvaluator
from secure_ds.ckks.hidden_layer.plan import HiddenCircuit, NetworkShape, plan_hidden_layer
from secure_ds.ckks.matrices import IntegerMatrix, quantise_filled
from secure_ds.ckks.profiles import STRONG
from tests.ckks.circuits import Keyed
from tests.ckks.softmax.circuits import ClassRecords, encrypted_classes, random_matrix

Array = npt.NDArray[np.float64]
SHAPE = NetworkShape(n_features=4, n_hidden=3, n_labels=3, first_radius=2.0, second_radius=0.75, linear=0.5, square=1.5)


def hidden_plan_for(records: ClassRecords, **changes: object) -> HiddenCircuit:
    n, d = records.X.shape
    shape = replace(SHAPE, n_features=d, n_labels=records.V.shape[1], **changes)  # type: ignore[arg-type]
    return plan_hidden_layer(
        STRONG.parameters,
        shape,
        input_scale=STRONG.input_scale,
        n_records=n,
        n_blocks=n_blocks(STRONG.parameters, n),
        eta=STRONG.eta,
        max_sigma=256.0,
    )


def random_network(plan: HiddenCircuit, seed: int = 0) -> tuple[IntegerMatrix, IntegerMatrix]:
    """Integers of matrices at the edge of both balls."""
    shape = plan.shape
    first = random_matrix(shape.first, shape.first_radius, seed)
    second = random_matrix(shape.second, shape.second_radius, seed + 1)
    columns = quantise_filled(second.T, shape.second[::-1], shape.second_radius, plan.scales.second_weights)
    return (
        quantise_filled(first, shape.first, shape.first_radius, plan.scales.first_weights),
        tuple(zip(*columns, strict=True)),
    )


def clear_gradients(
    records: ClassRecords, plan: HiddenCircuit, first: IntegerMatrix, second: IntegerMatrix | None
) -> tuple[Array, Array]:
    """Return the gradient sums for W1 and W2 in float64."""
    W1 = np.array(first, dtype=np.float64) / plan.scales.first_weights
    W2 = np.array(second or np.zeros(plan.shape.second), dtype=np.float64) / plan.scales.second_weights
    u = records.X @ W1.T
    g = plan.activation(u)
    r = g @ W2.T - records.V
    return ((r @ W2) * plan.activation.derivative(u)).T @ records.X, r.T @ g


def loaded_network(ring: Keyed, records: ClassRecords, plan: HiddenCircuit) -> HiddenLayerEvaluator:
    data, d = encrypted_classes(ring, records), plan.shape.n_features
    evaluator = HiddenLayerEvaluator(ring.engine, plan)
    for block in range(plan.n_blocks):
        labels = [data[d + 1 + label, block] for label in range(plan.shape.n_labels)]
        evaluator.load_block((data[column, block] for column in range(d)), labels)
    return evaluator


def decrypted_gradients(ring: Keyed, answer: list[bytes], plan: HiddenCircuit) -> tuple[Array, Array]:
    """Return the sums for W1 and W2; those for W1 are empty where the answer has none."""
    parts = [*plan.second_sums, *plan.first_sums][: len(answer)]
    numbers = [_decrypted(ring, data, part, plan) for data, part in zip(answer, parts, strict=True)]
    second = np.concatenate(numbers[: len(plan.second_sums)]).reshape(plan.shape.second)
    first = numbers[len(plan.second_sums) :]
    return (np.concatenate(first).reshape(plan.shape.first) if first else np.zeros(0)), second


def _decrypted(ring: Keyed, data: bytes, part: PackedSums, plan: HiddenCircuit) -> Array:
    released = decrypt_released(
        plan.parameters,
        ring.secret_key,
        data,
        level=plan.answer_level,
        scale=part.scale,
        positions=part.positions,
        noise=[0] * len(part.positions),
    )
    return np.array(released, dtype=np.float64) / part.scale
