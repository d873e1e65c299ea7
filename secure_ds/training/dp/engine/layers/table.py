"""Which layers have a rule: the table that the engine looks in, by exact class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import nn

from secure_ds.training.dp.engine.interface import UnsupportedModel
from secure_ds.training.dp.engine.layers.convolution import ConvolutionRule
from secure_ds.training.dp.engine.layers.embedding import EmbeddingRule
from secure_ds.training.dp.engine.layers.linear import LinearRule
from secure_ds.training.dp.engine.layers.normalisation import GroupNormRule, LayerNormRule, RmsNormRule
from secure_ds.training.dp.engine.layers.rule import Rule

RULES: Final[Mapping[type[nn.Module], Rule[Any]]] = {
    nn.Linear: LinearRule(),
    nn.Embedding: EmbeddingRule(),
    nn.LayerNorm: LayerNormRule(),
    nn.RMSNorm: RmsNormRule(),
    nn.GroupNorm: GroupNormRule(),
    nn.Conv1d: ConvolutionRule(),
    nn.Conv2d: ConvolutionRule(),
}


def rules_for(model: nn.Module) -> dict[nn.Module, Rule[Any]]:
    """Return the rule of each layer that has trainable parameters of its own.

    Raises:
        UnsupportedModel: a layer has none, or is configured in a way that has none; with its name and class.
    """
    found: dict[nn.Module, Rule[Any]] = {}
    for name, layer in model.named_modules():
        own = list(layer.parameters(recurse=False))
        if not any(each.requires_grad for each in own):
            continue
        rule = RULES.get(type(layer))
        kind = type(layer).__name__
        if rule is None:
            known = ", ".join(sorted(each.__name__ for each in RULES))
            raise UnsupportedModel(f"layer {name!r} ({kind}) has trainable parameters and no rule; use {known}")
        if not all(each.requires_grad for each in own):
            raise UnsupportedModel(f"layer {name!r} ({kind}) is frozen in part; freeze all of its parameters or none")
        reason = rule.refusal(layer)
        if reason is not None:
            raise UnsupportedModel(f"layer {name!r} ({kind}) cannot be clipped: {reason}")
        found[layer] = rule
    return found
