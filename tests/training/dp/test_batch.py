"""Batches: rows grouped by unit, or refused with shapes and never a value."""

import pytest
import torch

from secure_ds.training.dp.batch import Batch, InvalidBatch

X, Y, ONES = torch.arange(12).view(6, 2), torch.arange(6), torch.ones(6)


def test_units_are_cut_whole() -> None:
    part = Batch(X, Y, ONES, 2).units(1, 3)
    assert part.n_units == 2 and part.targets.tolist() == [2, 3, 4, 5] and part.inputs[0].tolist() == [4, 5]


def test_a_batch_may_be_empty() -> None:
    assert Batch(X[:0], Y[:0], ONES[:0], 3).n_units == 0


@pytest.mark.parametrize(
    ("inputs", "targets", "weights", "rows_per_unit", "words"),
    [
        (X[:5], Y, ONES, 1, "6 weights need as many inputs and targets, got 5, 6"),
        (X, Y[:4], ONES, 1, "got 6, 4"),
        (X, Y, ONES.double(), 1, "float32"),
        (X, Y, ONES.view(6, 1), 1, "one float32 number"),
        (X, Y, ONES, 4, "6 rows are no multiple of 4"),
        (X, Y, ONES, 0, "no multiple of 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, rows_per_unit: int, words: str
) -> None:
    with pytest.raises(InvalidBatch, match=words):
        Batch(inputs, targets, weights, rows_per_unit)
