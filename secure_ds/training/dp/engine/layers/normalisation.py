"""Normalisations within a record: LayerNorm, RMSNorm, GroupNorm. Scale and shift are few numbers: always instantiated.

Axes: R rows, U units, P rows and places of a unit, C channels, L places in a channel.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import group_norm, layer_norm, rms_norm

from secure_ds.training.dp.engine.contributions import Contribution, Instantiated


class LayerNormRule:
    """y = w * normalised(x) + b over the last axes."""

    def refusal(self, layer: nn.LayerNorm) -> str | None:
        """Every LayerNorm has its rule."""
        return None

    def contributions(
        self, layer: nn.LayerNorm, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of weight and bias, both of the normalised shape."""
        scaled = layer_norm(x.float(), layer.normalized_shape, eps=layer.eps).mul_(g)
        return _scale_and_shift(layer, scaled, g, units)


class RmsNormRule:
    """y = w * x / rms(x) over the last axes."""

    def refusal(self, layer: nn.RMSNorm) -> str | None:
        """Every RMSNorm has its rule."""
        return None

    def contributions(
        self, layer: nn.RMSNorm, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of the weight, of the normalised shape."""
        scaled = rms_norm(x.float(), layer.normalized_shape, eps=layer.eps).mul_(g)
        return [(layer.weight, _over_places(scaled, layer.normalized_shape, units))]


class GroupNormRule:
    """y = w * normalised(x) + b, one number of each for a channel."""

    def refusal(self, layer: nn.GroupNorm) -> str | None:
        """Every GroupNorm has its rule."""
        return None

    def contributions(
        self, layer: nn.GroupNorm, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of weight and bias, (channels,)."""
        scaled = group_norm(x.float(), layer.num_groups, eps=layer.eps).mul_(g)
        return [
            (layer.weight, _over_pixels(scaled, units)),
            (layer.bias, _over_pixels(g, units)),
        ]


def _scale_and_shift(
    layer: nn.LayerNorm, scaled: torch.Tensor, g: torch.Tensor, units: int
) -> list[tuple[torch.Tensor, Contribution]]:
    found: list[tuple[torch.Tensor, Contribution]] = [
        (layer.weight, _over_places(scaled, layer.normalized_shape, units))
    ]
    if layer.bias is not None:
        found.append((layer.bias, _over_places(g, layer.normalized_shape, units)))
    return found


def _over_places(x: torch.Tensor, shape: tuple[int, ...], units: int) -> Instantiated:
    return Instantiated(x.reshape(units, -1, *shape).sum(1))


def _over_pixels(x_RCL: torch.Tensor, units: int) -> Instantiated:
    return Instantiated(x_RCL.reshape(units, -1, x_RCL.shape[1], x_RCL[0, 0].numel()).sum((1, 3)))
