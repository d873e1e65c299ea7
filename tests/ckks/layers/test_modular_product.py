"""Weighted sums as a modular matrix product: the bytes of one multiplication after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.layers.linear import weighted_sum
from secure_ds.ckks.layers.modular_product import MAX_COLUMNS, ModularColumns, _chunk, _digits
from tests.ckks.circuits import keyed
from tests.ckks.softmax.circuits import encrypted_classes, random_class_records

INTEGERS = st.integers(-(2**60), 2**60)


@given(st.lists(st.lists(INTEGERS, min_size=3, max_size=3), min_size=1, max_size=4), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_products_are_those_of_integers(weights: list[list[int]], seed: int) -> None:
    prime = (1 << 59) - 55
    columns = np.random.default_rng(seed).integers(0, prime, (3, 40), dtype=np.uint64)
    columns[0, :2] = 0, prime - 1
    digits = [np.array(digit, dtype=np.float64) for digit in _digits(weights)] or [np.zeros((len(weights), 3))]
    found = _chunk(digits, columns, prime)
    exact = np.array(weights, dtype=object) @ columns.astype(object) % prime
    assert (found.astype(object) == exact).all()


@given(st.lists(st.lists(INTEGERS, min_size=2, max_size=2), min_size=1, max_size=3))
def test_digits_add_up_to_the_weights_and_are_small(weights: list[list[int]]) -> None:
    digits = _digits(weights)
    for row, line in enumerate(weights):
        for column, value in enumerate(line):
            assert sum(digit[row][column] << (26 * place) for place, digit in enumerate(digits)) == value
    assert all(-(2**25) <= value < 2**25 for digit in digits for row in digit for value in row)


def test_the_largest_sums_are_exact_in_doubles() -> None:
    """As many columns as are taken, all residues and digits at their largest."""
    prime = (1 << 60) - 93
    columns = np.full((MAX_COLUMNS, 2), prime - 1, dtype=np.uint64)
    digits = [np.full((1, MAX_COLUMNS), -(2.0**25))]
    assert _chunk(digits, columns, prime)[0].tolist() == 2 * [MAX_COLUMNS * 2**25 % prime]


@pytest.mark.parametrize("level", [1, 2])
def test_bytes_are_those_of_seal(level: int) -> None:
    ring, d, rng = keyed(), 5, np.random.default_rng(3)
    data = encrypted_classes(ring, random_class_records(30, d, 3))
    columns = [ring.engine.drop_to(ring.engine.load(data[column, 0]), level) for column in range(d)]
    weights = [[int(value) for value in row] for row in rng.integers(-(2**40), 2**40, (4, d))]
    weights[1] = [0, 0, 1, 0, 0]
    scale = 2.0**60
    found = ModularColumns(ring.engine, columns, level).weighted_sums(weights, scale)
    for ciphertext, row in zip(found, weights, strict=True):
        assert ring.engine.save(ciphertext) == ring.engine.save(weighted_sum(ring.engine, columns, row, scale))
