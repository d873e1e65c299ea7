"""What an engine cannot clip is refused by name and class, before anything runs."""

import pytest
import torch
from torch import nn

from secure_ds.models.layers.embedding import output_head
from secure_ds.training.dp.engine import DeviceMissing, UnsupportedModel, make_engine
from secure_ds.training.dp.engine.interface import pick_device
from secure_ds.training.dp.losses import UnknownTask
from secure_ds.training.dp.performance import Performance
from tests.training.dp.engine.oracle import Rule, clipped_sum, table, tokens


class Scaled(nn.Module):
    """A layer of someone's own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("it ran")


def half_frozen() -> nn.Module:
    layer = nn.Linear(5, 3)
    layer.bias.requires_grad_(False)
    return layer


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Scaled(), r"'1' \(Scaled\).*use Conv1d, Conv2d, Embedding"),
        (nn.PReLU(), r"'1' \(PReLU\)"),
        (nn.LSTM(5, 3), r"'1' \(LSTM\)"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), r"'1' \(Conv2d\).*'circular'"),
        (nn.Embedding(5, 3, max_norm=1.0), r"'1' \(Embedding\).*max_norm"),
        (nn.Embedding(5, 3, scale_grad_by_freq=True), r"'1' \(Embedding\).*all records"),
        (half_frozen(), r"'1' \(Linear\) is frozen in part"),
    ],
)
def test_a_layer_without_a_rule_is_refused(layer: nn.Module, words: str) -> None:
    with pytest.raises(UnsupportedModel, match=words):
        make_engine("bookkeeping", nn.Sequential(nn.Linear(5, 5), layer), "classify", Rule(), Performance())


def test_a_frozen_layer_needs_no_rule() -> None:
    model = nn.Sequential(nn.PReLU().requires_grad_(False), nn.Linear(5, 3))
    assert set(clipped_sum(model, "classify", table(3)[2])) == {"1.weight", "1.bias"}


@pytest.mark.parametrize("engine", ["hooks", "ghost"])
@pytest.mark.parametrize(
    "layer", [Scaled(), nn.Embedding(5, 3, padding_idx=0), nn.LayerNorm(5, bias=False), nn.PReLU()]
)
def test_opacus_engines_refuse_what_opacus_gets_wrong(engine: str, layer: nn.Module) -> None:
    with pytest.raises(UnsupportedModel, match=rf"'1' \({type(layer).__name__}\).*use engine bookkeeping"):
        make_engine(engine, nn.Sequential(nn.Linear(5, 5), layer), "classify", Rule(), Performance())


def test_ghost_refuses_tied_weights_units_of_rows_and_bfloat16() -> None:
    model, task, batch = tokens(4)
    with pytest.raises(UnsupportedModel, match=r"'embedding.token' and 'head' \(Linear\) share"):
        clipped_sum(model, task, batch, engine="ghost")
    model, task, batch = table(4)
    with pytest.raises(UnsupportedModel, match="float32"):
        clipped_sum(model, task, batch, engine="ghost", precision="bfloat16")
    batch = type(batch)(batch.inputs, batch.targets, batch.weights, 2)
    with pytest.raises(UnsupportedModel, match="one row"):
        clipped_sum(model, task, batch, engine="ghost")


class Positions(nn.Module):
    """Looks positions up without the rows as first axis: their gradients would be sums over records."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.head = output_head(nn.Embedding(3, 4), tied=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head((self.table(torch.arange(5)) + x[:, :, None]).mean(1))


def test_a_layer_called_without_rows_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="'table' was called without the rows"):
        clipped_sum(Positions(), "classify", table(4)[2])


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownTask, match="classify, causal_lm"):
        make_engine("bookkeeping", nn.Linear(2, 2), "regress", Rule(), Performance())


def test_the_device_is_picked_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine("bookkeeping", nn.Linear(2, 2), "classify", Rule(), Performance(device="cpu"))
    assert engine.device == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda" and pick_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(DeviceMissing, match="auto or cpu"):
        pick_device("cuda")
