"""Records by unit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.dp.unit_records import UnitRecords


def records(units: list[int], rows_per_unit: int, dtype: type = np.float32) -> UnitRecords:
    rows = np.arange(1, len(units) + 1)
    inputs = np.stack([rows, rows], axis=1).astype(dtype)
    return UnitRecords(inputs, rows, np.array(units, dtype=np.int64), max(units) + 1, rows_per_unit)


def test_rows_of_a_unit_stand_together_and_padding_is_zero() -> None:
    batch = records([1, 0, 1, 2], 2).batch(np.array([1, 2]))
    assert batch.targets.tolist() == [1, 3, 4, 0]
    assert batch.weights.tolist() == [1, 1, 1, 0]
    assert batch.inputs[:, 0].tolist() == [1, 3, 4, 0]
    assert (batch.n_units, batch.rows_per_unit) == (2, 2)


def test_no_unit_is_a_batch_of_no_rows() -> None:
    batch = records([0, 1], 1).batch(np.array([], dtype=np.int64))
    assert batch.inputs.shape == (0, 2)
    assert batch.n_units == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 4))
def test_a_unit_has_its_own_rows_and_no_more_than_may_count(units: list[int], rows_per_unit: int) -> None:
    held = records(units, rows_per_unit)
    for unit in range(held.n_units):
        batch = held.batch(np.array([unit]))
        own = [row + 1 for row, of in enumerate(units) if of == unit][:rows_per_unit]
        assert batch.targets[batch.weights == 1].tolist() == own
        assert len(batch.weights) == rows_per_unit


@pytest.mark.parametrize(("dtype", "expected"), [(np.uint8, torch.float32), (np.uint16, torch.int64)])
def test_pixels_become_numbers_and_tokens_stay_integers(dtype: type, expected: torch.dtype) -> None:
    batch = records([0, 1, 2], 1, dtype).batch(np.array([2]))
    assert batch.inputs.dtype == expected
    assert float(batch.inputs[0, 0]) == pytest.approx(3 / 255 if dtype is np.uint8 else 3)
