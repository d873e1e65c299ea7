"""Every layer with a rule: clipped sums against autograd in doubles and against Opacus, over shapes and batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from secure_ds.training.dp.batch import Batch
from tests.training.dp.engine.oracle import FORMS, TOLERANCE, Rule, clipped_sum, distance, expected, form, spread

CLASSES = 3
sizes = st.integers(1, 6)
counts = st.sampled_from([1, 7])


class Classifier(nn.Module):
    """The layers under test, then a linear layer to three classes; logits stay small, as 1 - p loses digits near 1."""

    def __init__(self, layers: nn.Module, example: torch.Tensor) -> None:
        super().__init__()
        self.layers = layers
        self.head = nn.Linear(layers(example).flatten(1).shape[1], CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.layers(x).flatten(1)
        return self.head(features / features.shape[1] ** 0.5)


@st.composite
def linear_layers(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    n_in, n_out = draw(sizes), draw(sizes)
    middle = draw(st.lists(sizes, max_size=2))
    return nn.Linear(n_in, n_out, bias=draw(st.booleans())), (*middle, n_in)


@st.composite
def norms(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    shape = tuple(draw(st.lists(st.integers(2, 5), min_size=2, max_size=3)))
    last = draw(st.integers(1, len(shape) - 1))
    if draw(st.booleans()):
        return nn.RMSNorm(shape[-last:], eps=draw(st.sampled_from([None, 1e-5]))), shape
    return nn.LayerNorm(shape[-last:], bias=draw(st.booleans())), shape


@st.composite
def group_norms(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    groups, size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pixels = draw(st.lists(st.integers(2, 4), min_size=1, max_size=2))
    return nn.GroupNorm(groups, groups * size), (groups * size, *pixels)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    axes = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    sides = tuple(draw(st.integers(5, 8)) for _ in range(axes))
    is_same = draw(st.booleans())
    kind = nn.Conv1d if axes == 1 else nn.Conv2d
    layer = kind(
        groups * draw(st.integers(1, 3)),
        groups * draw(st.integers(1, 3)),
        kernel,
        stride=1 if is_same else tuple(draw(st.integers(1, 2)) for _ in range(axes)),
        padding="same" if is_same else tuple(draw(st.integers(0, 2)) for _ in range(axes)),
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
    )
    return layer, (layer.in_channels, *sides)


def alternating(*shape: int) -> torch.Tensor:
    """Return numbers whose neighbours differ by 2 at least: a norm of nearly equal ones would magnify rounding."""
    signs = 1 - 2 * (torch.arange(shape[-1]) % 2)
    return (1 + torch.rand(shape)) * signs


def is_known_to_opacus(model: nn.Module) -> bool:
    """Its embeddings give padding a gradient, and its LayerNorm fails without bias."""
    return not any(
        (isinstance(each, nn.Embedding) and each.padding_idx is not None)
        or (isinstance(each, nn.LayerNorm) and each.bias is None)
        for each in model.modules()
    )


def check(model: nn.Module, batch: Batch, kept: str, cached_numbers: int = 2**19) -> None:
    for clipping in (Rule(0.5), Rule(2.0, "automatic")):
        wanted = expected(model, "classify", batch, clipping)
        with form(kept, cached_numbers):
            assert distance(clipped_sum(model, "classify", batch, clipping), wanted) < TOLERANCE
        if is_known_to_opacus(model):
            assert distance(clipped_sum(model, "classify", batch, clipping, engine="hooks"), wanted) < TOLERANCE


@pytest.mark.parametrize("kept", FORMS)
@given(linear_layers() | norms() | group_norms() | convolutions(), counts, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_layer_and_the_head_behind_it(
    kept: str, case: tuple[nn.Module, tuple[int, ...]], rows: int, seed: int
) -> None:
    layer, shape = case
    torch.manual_seed(seed)
    x = alternating(rows, *shape)
    model = spread(Classifier(layer, x), seed)
    batch = Batch(x, torch.randint(CLASSES, (rows,)), torch.ones(rows))
    check(model, batch, kept, cached_numbers=100)


@pytest.mark.parametrize("kept", FORMS)
@given(st.integers(1, 5), sizes, st.sampled_from([None, 0]), counts, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_embeddings_whose_ids_repeat(
    kept: str, n_ids: int, places: int, padding: int | None, rows: int, seed: int
) -> None:
    torch.manual_seed(seed)
    ids = torch.randint(n_ids, (rows, places))
    layers = nn.Sequential(nn.Embedding(n_ids, 4, padding_idx=padding), nn.Linear(4, 3))
    check(spread(Classifier(layers, ids), seed), Batch(ids, torch.randint(CLASSES, (rows,)), torch.ones(rows)), kept)


@pytest.mark.parametrize("kept", FORMS)
@given(counts, sizes, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_layer_that_is_called_twice_has_one_gradient(kept: str, rows: int, places: int, seed: int) -> None:
    torch.manual_seed(seed)
    shared = nn.Linear(4, 4)
    layers = nn.Sequential(shared, nn.Tanh(), shared)
    x = torch.randn(rows, places, 4)
    check(spread(Classifier(layers, x), seed), Batch(x, torch.randint(CLASSES, (rows,)), torch.ones(rows)), kept)


@pytest.mark.parametrize("kept", FORMS)
def test_a_convolution_that_is_called_twice_has_one_gradient(kept: str) -> None:
    torch.manual_seed(0)
    shared = nn.Conv2d(2, 2, 3, padding=1)
    x = torch.randn(5, 2, 6, 6)
    model = spread(Classifier(nn.Sequential(shared, nn.GroupNorm(1, 2), nn.Tanh(), shared), x))
    check(model, Batch(x, torch.randint(CLASSES, (5,)), torch.ones(5)), kept)


def test_a_layer_that_the_loss_does_not_see_has_gradient_zero() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    model.unused = nn.Linear(2, 2)  # type: ignore[assignment]
    model.forward = lambda x: model[0](x)  # type: ignore[method-assign, assignment]
    batch = Batch(torch.randn(4, 3), torch.randint(CLASSES, (4,)), torch.ones(4))
    found = clipped_sum(model, "classify", batch)
    assert not found["unused.weight"].any() and found["0.weight"].any()
