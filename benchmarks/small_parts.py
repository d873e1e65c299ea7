"""What a step and an upload cost outside the evaluator: the checks of foreign bytes, the noise and the decryption.

Shape of MNIST 3-vs-8: 196 features, the default profile. Median processor seconds on one core. These parts are pure
Python and NumPy by design, since they stand where nothing may crash or leak, so it matters that they stay small.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from benchmarks.encrypted_step import prepare, random_records
from benchmarks.rows import Row
from secure_ds.ckks.decryption import decrypt_released
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, check_input_file
from secure_ds.ckks.key_files import KEY_NAMES, check_key_file
from secure_ds.ckks.keys import generate_key_files
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.profiles import DEFAULT
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.weights import quantise
from secure_ds.privacy.calibration import variance_on_grid
from secure_ds.privacy.discrete_gaussian import sample_discrete_gaussian

RECORDS, FEATURES, SIGMA, REPEATS = 1000, 196, 23.0, 9


def run() -> list[Row]:
    """Measure each part by itself."""
    X, v = random_records(RECORDS, FEATURES)
    _, evaluator, plan, secret_key = prepare(DEFAULT, X, v)
    answer = evaluator.step(quantise(X[0], plan))
    return [*_upload_rows(secret_key, X[:, :1]), *_answer_rows(plan, secret_key, answer)]


def _upload_rows(secret_key: SecretKey, column: np.ndarray) -> list[Row]:
    parameters, scale = DEFAULT.parameters, DEFAULT.input_scale
    data = next(iter(encrypt_columns(parameters, secret_key, column, scale, 0))).data
    keys = dict(generate_key_files(parameters, secret_key))

    def check_keys() -> None:
        for name in KEY_NAMES:
            check_key_file(name, keys[name], parameters)

    check = _milliseconds(lambda: check_input_file(data, parameters, scale, SYMMETRIC_SEEDED))
    return [
        Row(f"check of an uploaded ciphertext, {len(data) / 2**20:.2f} MiB, every residue", check, "ms"),
        Row(f"check of all key files, {sum(map(len, keys.values())) / 2**20:.1f} MiB", _milliseconds(check_keys), "ms"),
    ]


def _answer_rows(plan: CircuitPlan, secret_key: SecretKey, answer: bytes) -> list[Row]:
    variance = variance_on_grid(SIGMA, plan.answer_scale)
    noise = sample_discrete_gaussian(variance, plan.n_features)

    def decrypt() -> None:
        decrypt_released(
            plan.parameters,
            secret_key,
            answer,
            level=plan.answer_level,
            scale=plan.answer_scale,
            positions=plan.positions,
            noise=noise,
        )

    return [
        Row(
            f"{plan.n_features} draws of the exact discrete Gaussian",
            _milliseconds(lambda: sample_discrete_gaussian(variance, plan.n_features)),
            "ms",
        ),
        Row("check, decryption and noise of a packed answer", _milliseconds(decrypt), "ms"),
    ]


def _milliseconds(part: Callable[[], object]) -> float:
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        part()
        spent.append(time.process_time() - start)
    return 1000 * median(spent)
