"""Terms of the softmax error proof that no decryption shows by itself."""

from dataclasses import replace

import numpy as np

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.profiles import STRONG
from secure_ds.ckks.softmax.error import SoftmaxError
from tests.ckks.softmax.circuits import random_class_records, random_matrix, softmax_plan_for


def _error(c: int) -> SoftmaxError:
    plan = softmax_plan_for(random_class_records(100, 6, c), STRONG, radius=float(c))
    noise = NoiseModel(plan.parameters, n_columns=7 + c, n_blocks=1)
    return SoftmaxError(noise, plan.scales, 100, 6, c, plan.radius, plan.eta, plan.rho)


def test_an_error_of_the_columns_moves_the_clear_gradient_by_at_most_what_the_proof_says() -> None:
    """First-order terms against random and adversarial perturbations of records and labels, without any encryption."""
    rng, c, delta = np.random.default_rng(1), 4, 1e-3
    error = replace(_error(c), scales=replace(_error(c).scales, residual=1e300, product=1e300, answer=1e300))
    for seed in range(200):
        records = random_class_records(100, 6, c, seed)
        W = random_matrix((c, 6), float(c), seed)
        D = rng.normal(size=(100, 6 + c)) if seed % 2 else np.outer(rng.normal(size=100), rng.normal(size=6 + c))
        D *= delta / np.linalg.norm(D, 2)
        X, V = records.X + D[:, :6], records.V + D[:, 6:]
        moved = (X @ W.T / c - V).T @ X - (records.X @ W.T / c - records.V).T @ records.X
        assert np.linalg.norm(moved) <= error.bound(delta)


def test_the_bound_grows_with_every_error_and_not_with_the_root_of_the_classes() -> None:
    few, many = _error(3), _error(48)
    assert few.bound(0) < few.bound(1e-9) < few.bound(2e-9)
    gain = (many.bound(1e-3) - many.bound(0)) / (few.bound(1e-3) - few.bound(0))
    assert gain < 1.2
