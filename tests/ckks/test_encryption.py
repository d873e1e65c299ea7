"""Columns become ciphertexts at the top level, at the exact scale, with an empty tail of zeros."""

import numpy as np
import pytest

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns, n_blocks
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, check_input_file
from secure_ds.ckks.slots import split
from tests.ckks.plaintexts import expanded

SCALE = 1.5 * 2.0**24  # not a power of two: exactness is not luck


def test_columns_and_blocks_come_in_order_and_decrypt(small_ring):
    """Two records per slot; the last column is a label and conjugated."""
    parameters, capacity = small_ring.parameters, small_ring.parameters.poly_modulus_degree
    records = capacity + 5
    columns = np.random.default_rng(2).uniform(-1, 1, (records, 3))
    blocks = list(encrypt_columns(parameters, small_ring.secret_key, columns, SCALE, n_labels=1))
    assert [(b.column, b.block) for b in blocks] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    for column, block, data in blocks:
        check_input_file(data, parameters, SCALE, SYMMETRIC_SEEDED)
        full = expanded(parameters, data)
        slots = decrypt_slots(parameters, small_ring.secret_key, full, level=parameters.top_level, scale=SCALE)
        part = columns[block * capacity : (block + 1) * capacity, column]
        found = split(slots.conj() if column == 2 else slots)
        assert np.abs(found[: part.size] - part).max() < 1e-4
        assert np.abs(found[part.size :]).max(initial=0) < 1e-4


def test_encryption_is_randomised(small_ring):
    ones = np.ones((1, 1))
    files = {next(encrypt_columns(small_ring.parameters, small_ring.secret_key, ones, SCALE, 0)).data for _ in range(4)}
    assert len(files) == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**45])
def test_numbers_that_do_not_fit_are_refused(small_ring, value):
    columns = np.array([[0.0, value]])
    with pytest.raises(EvaluationRefused, match="not finite, or too large"):
        next(encrypt_columns(small_ring.parameters, small_ring.secret_key, columns, SCALE, 0))


@pytest.mark.parametrize(("records", "blocks"), [(1, 1), (4096, 1), (4097, 2), (8192, 2)])
def test_number_of_blocks(small_ring, records, blocks):
    assert n_blocks(small_ring.parameters, records) == blocks
