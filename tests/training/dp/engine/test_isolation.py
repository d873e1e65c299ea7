"""One record's clipped gradient does not depend on any other record, to the last bit; nor do broken records spread."""

import math

import pytest
import torch
from torch import nn

from secure_ds.models.errors import MixesRecords
from secure_ds.training.dp.batch import Batch
from tests.training.dp.engine.oracle import FORMS, MODELS, Rule, clipped_sum, form, table, tokens

OTHERS = ["other numbers", "huge", "infinite", "not numbers"]
LARGE = MODELS | {
    "tokens, wide": lambda rows, seed=0: tokens(rows, seed, width=64, context=48),
    "tokens, wide, untied": lambda rows, seed=0: tokens(rows, seed, tied=False, width=64, context=48),
}


def with_others(batch: Batch, others: Batch, what: str, kept_row: int) -> Batch:
    """Return the batch with all rows but one replaced and without weight."""
    inputs = others.inputs.clone()
    if inputs.is_floating_point():
        inputs *= {"other numbers": 1.0, "huge": 1e30, "infinite": math.inf, "not numbers": math.nan}[what]
    targets, weights = others.targets.clone(), torch.zeros(len(batch.weights))
    inputs[kept_row], targets[kept_row], weights[kept_row] = batch.inputs[kept_row], batch.targets[kept_row], 1.0
    return Batch(inputs, targets, weights)


def same_bits(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kept", FORMS)
@pytest.mark.parametrize("name", LARGE)
def test_a_records_gradient_is_the_same_to_the_bit_whatever_the_others_are(
    name: str, kept: str, precision: str
) -> None:
    rows, kept_row = 13, 8
    model, task, batch = LARGE[name](rows)
    kinds = OTHERS if batch.inputs.is_floating_point() else OTHERS[:1]
    with form(kept):
        wanted = clipped_sum(model, task, with_others(batch, batch, OTHERS[0], kept_row), precision=precision)
        assert any(each.any() for each in wanted.values())
        for seed, what in enumerate(kinds, start=1):
            changed = with_others(batch, LARGE[name](rows, seed)[2], what, kept_row)
            assert same_bits(clipped_sum(model, task, changed, precision=precision), wanted), what


class Centred(nn.Module):
    """Subtracts the batch's mean: records mix."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0)


def test_a_layer_that_mixes_records_would_be_seen() -> None:
    """The test above can fail: the validator knows no such layer, the bits tell."""
    _, task, batch = table(13)
    model = nn.Sequential(nn.Linear(5, 4), Centred(), nn.Linear(4, 3))
    first = clipped_sum(model, task, with_others(batch, batch, OTHERS[0], 8))
    second = clipped_sum(model, task, with_others(batch, table(13, 1)[2], OTHERS[0], 8))
    assert not same_bits(first, second)


@pytest.mark.parametrize("kept", FORMS)
@pytest.mark.parametrize("engine", ["bookkeeping", "hooks", "ghost"])
@pytest.mark.parametrize("name", ["table", "images"])
@pytest.mark.parametrize("value", [math.inf, math.nan, 3e38])
def test_a_unit_whose_gradient_is_not_finite_adds_exactly_nothing(
    name: str, value: float, engine: str, kept: str
) -> None:
    model, task, batch = MODELS[name](7)
    broken = batch.inputs.clone()
    broken[2] = value
    weights = batch.weights.clone()
    weights[2] = 0
    with form(kept):
        found = clipped_sum(model, task, Batch(broken, batch.targets, batch.weights), Rule(0.3), engine=engine)
        wanted = clipped_sum(model, task, Batch(batch.inputs, batch.targets, weights), Rule(0.3), engine=engine)
    for key in found:
        torch.testing.assert_close(found[key], wanted[key], rtol=1e-6, atol=1e-7)


def test_a_broken_unit_is_dropped_whole() -> None:
    model, task, batch = table(6)
    broken = batch.inputs.clone()
    broken[3] = math.nan
    weights = torch.tensor([1.0, 1, 0, 0, 1, 1])
    found = clipped_sum(model, task, Batch(broken, batch.targets, batch.weights, 2), Rule(0.3))
    wanted = clipped_sum(model, task, Batch(batch.inputs, batch.targets, weights, 2), Rule(0.3))
    assert same_bits(found, wanted)


def test_models_that_mix_records_by_known_layers_are_refused() -> None:
    for layer in (nn.BatchNorm1d(5), nn.SyncBatchNorm(5), nn.InstanceNorm1d(5, track_running_stats=True)):
        with pytest.raises(MixesRecords, match=rf"'0' \({type(layer).__name__}\).*GroupNorm"):
            clipped_sum(nn.Sequential(layer, nn.Linear(5, 3)), "classify", table(3)[2])
