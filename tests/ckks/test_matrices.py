"""Matrices of weights as integers: what cutting may change, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.matrices import quantise_matrix
from tests.ckks.softmax.circuits import random_matrix


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 8), st.integers(4, 40))
@settings(max_examples=100)
def test_cutting_moves_a_matrix_by_less_than_the_counted_norm(seed: int, rows: int, columns: int, bits: int) -> None:
    weights = random_matrix((rows, columns), 2.0, seed)
    cut = np.array(quantise_matrix(weights, (rows, columns), 2.0, 2**bits), dtype=np.float64) / 2**bits
    assert np.linalg.norm(cut - weights) < np.sqrt(rows * columns) / 2**bits
    assert (np.abs(cut) <= np.abs(weights)).all()


@pytest.mark.parametrize(
    ("weights", "words"),
    [([[1.0]], "shape"), ([[np.nan, 0.0]], "finite"), ([[np.inf, 0.0]], "finite"), ([[2.1, 0.0]], "at most")],
)
def test_refusals(weights: list[list[float]], words: str) -> None:
    with pytest.raises(EvaluationRefused, match=words):
        quantise_matrix(weights, (1, 2), 2.0, 2**20)
