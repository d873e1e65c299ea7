"""Two records per slot: where they lie, that J is X^(N/2), and what products of slots read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.slots import join, split
from tests.ckks.circuits import decrypted_slots, encrypted, keyed

SLOTS = 8
numbers = st.lists(st.floats(-10, 10), min_size=2 * SLOTS, max_size=2 * SLOTS).map(np.array)


@given(numbers, st.integers(0, 2 * SLOTS))
def test_records_come_back_in_order_and_the_rest_is_empty(values: np.ndarray, n: int) -> None:
    found = split(join(values[:n], SLOTS))
    assert np.array_equal(found[:n], values[:n])
    assert not found[n:].any()


@given(numbers, numbers)
def test_conjugated_times_plain_reads_the_sum_over_records(x: np.ndarray, r: np.ndarray) -> None:
    product = join(r, SLOTS, conjugated=True) * join(x, SLOTS)
    assert product.real.sum() == pytest.approx(r @ x, abs=1e-9)


@given(numbers)
def test_conjugated_is_the_conjugate(values: np.ndarray) -> None:
    assert np.array_equal(join(values, SLOTS, conjugated=True), join(values, SLOTS).conj())


def test_j_is_the_monomial_of_half_the_degree() -> None:
    """J (x1 + J x2) = -x2 + J x1, done by a shift of an encrypted polynomial."""
    ring = keyed()
    half = ring.engine.degree // 2
    values = np.random.default_rng(1).uniform(-1, 1, 2 * half)
    data = encrypted(ring, values[:, None], n_labels=0)[0, 0]
    turned = ring.engine.save(ring.engine.times_unit(ring.engine.load(data)))
    top, scale = ring.profile.parameters.top_level, ring.profile.input_scale
    found = split(decrypted_slots(ring, turned, level=top, scale=scale))
    assert np.abs(found - np.concatenate([-values[half:], values[:half]])).max() < 1e-4
