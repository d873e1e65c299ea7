"""One loss per row, a function of that row alone."""

import pytest
import torch

from secure_ds.training.dp.losses import IGNORED, UnknownTask, row_losses


def test_classification_is_cross_entropy_of_each_row() -> None:
    logits, targets = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    wanted = -logits.log_softmax(1)[torch.arange(4), targets]
    torch.testing.assert_close(row_losses("classify")(logits, targets), wanted)


def test_language_modelling_is_the_mean_over_the_rows_own_tokens() -> None:
    logits, targets = torch.randn(2, 3, 5), torch.tensor([[1, 2, IGNORED], [4, 0, 3]])
    scores = -logits.log_softmax(2)
    wanted = torch.stack(
        [(scores[0, 0, 1] + scores[0, 1, 2]) / 2, (scores[1, 0, 4] + scores[1, 1, 0] + scores[1, 2, 3]) / 3]
    )
    torch.testing.assert_close(row_losses("causal_lm")(logits, targets), wanted)


def test_a_row_without_tokens_has_loss_zero() -> None:
    targets = torch.full((1, 3), IGNORED)
    assert row_losses("causal_lm")(torch.randn(1, 3, 5), targets).tolist() == [0.0]


@pytest.mark.parametrize("task", ["classify", "causal_lm"])
def test_losses_are_float32_and_may_be_of_no_rows(task: str) -> None:
    shape = (0, 3, 5) if task == "causal_lm" else (0, 5)
    losses = row_losses(task)(torch.randn(shape, dtype=torch.bfloat16), torch.zeros(shape[:-1], dtype=torch.long))
    assert losses.shape == (0,) and losses.dtype == torch.float32


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownTask, match="'regress'"):
        row_losses("regress")
