"""Models from configurations: seeds, shapes, causality, adapters, and layers that keep records apart."""

from typing import Any

import pytest
import torch
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.models.errors import MixesRecords, TargetsNotFound
from secure_ds.models.isolation import refuse_mixing
from secure_ds.models.lora import add_lora
from secure_ds.models.lora_config import LoraConfig
from secure_ds.models.registry import config_from_json
from tests.models.test_configs import CNN, LORA, MLP, TRANSFORMER

INPUTS: dict[str, Any] = {
    "mlp": lambda rows: torch.randn(rows, 5),
    "cnn": lambda rows: torch.randn(rows, 1, 8, 8),
    "transformer": lambda rows: torch.randint(11, (rows, 6)),
}


def built(value: dict[str, Any], seed: int = 0) -> nn.Module:
    return build_model(config_from_json(value), seed)


@pytest.mark.parametrize("value", [MLP, CNN, TRANSFORMER, TRANSFORMER | {"lora": LORA}])
def test_weights_follow_from_the_seed_and_the_process_keeps_its_own_state(value: dict[str, Any]) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = built(value, 3).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert all(torch.equal(each, first[name]) for name, each in built(value, 3).state_dict().items())
    assert not all(torch.equal(each, first[name]) for name, each in built(value, 4).state_dict().items())


@pytest.mark.parametrize(("value", "shape"), [(MLP, (3,)), (CNN, (10,)), (TRANSFORMER, (6, 11))])
@pytest.mark.parametrize("rows", [0, 1, 4])
def test_outputs_are_logits_of_each_row(value: dict[str, Any], shape: tuple[int, ...], rows: int) -> None:
    assert built(value)(INPUTS[value["family"]](rows)).shape == (rows, *shape)


def test_images_may_be_no_square_and_odd() -> None:
    model = built(CNN | {"channels": 3, "height": 9, "width": 5, "widths": [4, 6]})
    assert model(torch.randn(2, 3, 9, 5)).shape == (2, 10)


def test_a_token_sees_no_token_after_it() -> None:
    model, ids = built(TRANSFORMER), torch.randint(11, (2, 6))
    later = ids.clone()
    later[:, 4:] = (later[:, 4:] + 1) % 11
    before, after = model(ids), model(later)
    assert torch.equal(before[:, :4], after[:, :4]) and not torch.equal(before[:, 4], after[:, 4])


def test_a_tied_head_is_the_embedding() -> None:
    tied, untied = built(TRANSFORMER), built(TRANSFORMER | {"tied": False})
    assert tied.get_submodule("head").weight is tied.get_submodule("embedding.token").weight
    assert sum(1 for _ in untied.parameters()) == sum(1 for _ in tied.parameters()) + 1


def test_adapters_change_nothing_before_training_and_alone_are_trained() -> None:
    base, adapted = built(TRANSFORMER), built(TRANSFORMER | {"lora": LORA})
    ids = torch.randint(11, (2, 6))
    torch.testing.assert_close(adapted(ids), base(ids), rtol=0, atol=0)
    trainable = {name for name, each in adapted.named_parameters() if each.requires_grad}
    assert trainable == {
        f"blocks.{block}.attention.{target}.{side}.weight"
        for block in range(2)
        for target in ("q", "v")
        for side in ("down", "up")
    }


def test_adapters_are_scaled_by_alpha_over_rank() -> None:
    model = nn.ModuleDict({"q": nn.Linear(3, 2, bias=False)})
    weight = model["q"].weight.detach().clone()
    add_lora(model, LoraConfig(2, 4.0, ("q",)))
    down, up = torch.randn(2, 3), torch.randn(2, 2)
    with torch.no_grad():
        model["q"].down.weight.copy_(down)
        model["q"].up.weight.copy_(up)
    x = torch.randn(5, 3)
    torch.testing.assert_close(model["q"](x), x @ (weight + 2.0 * up @ down).T)


def test_targets_that_match_nothing_are_named_and_the_model_is_untouched() -> None:
    model = built(TRANSFORMER)
    with pytest.raises(TargetsNotFound, match=r"called query, gate; there are: down, head, k, o, q, up, v") as refused:
        add_lora(model, LoraConfig(2, 4.0, ("q", "query", "gate")))
    assert refused.value.names == ("query", "gate")
    assert all(each.requires_grad for each in model.parameters())


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3), nn.SyncBatchNorm(3), nn.InstanceNorm2d(3)])
def test_layers_that_mix_records_are_refused_by_name_and_class(layer: nn.Module) -> None:
    with pytest.raises(MixesRecords, match=rf"'0.0' \({type(layer).__name__}\)"):
        refuse_mixing(nn.Sequential(nn.Sequential(layer)))


@pytest.mark.parametrize("value", [MLP, CNN, TRANSFORMER])
def test_no_family_mixes_records(value: dict[str, Any]) -> None:
    refuse_mixing(built(value))
