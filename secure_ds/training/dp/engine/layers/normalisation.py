"""Normalisations within a record: LayerNorm, RMSNorm, GroupNorm. Scale and shift are few numbers: always instantiated.

The normalised numbers are worked out again, a few rows at a time: what is made on the way stays in the cache.

Axes: R rows, U units, P places of a row, C channels, L places in a channel.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import group_norm, layer_norm, rms_norm

from secure_ds.training.dp.engine.contributions import Contribution, Instantiated
from secure_ds.training.dp.engine.layers.rule import over_rows, parts

Normalise = Callable[[torch.Tensor], torch.Tensor]
Reduce = Callable[[torch.Tensor], torch.Tensor]


class LayerNormRule:
    """y = w * normalised(x) + b over the last axes."""

    def refusal(self, layer: nn.LayerNorm) -> str | None:
        """Every LayerNorm has its rule."""
        return None

    def contributions(
        self, layer: nn.LayerNorm, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of weight and bias, both of the normalised shape."""
        shape = layer.normalized_shape
        scale = _scale(lambda part: layer_norm(part, shape, eps=layer.eps), _over_places(shape), x, g)
        found: list[tuple[torch.Tensor, Contribution]] = [(layer.weight, Instantiated(over_rows(scale, units)))]
        if layer.bias is not None:
            found.append((layer.bias, Instantiated(over_rows(_over_places(shape)(g), units))))
        return found


class RmsNormRule:
    """y = w * x / rms(x) over the last axes."""

    def refusal(self, layer: nn.RMSNorm) -> str | None:
        """Every RMSNorm has its rule."""
        return None

    def contributions(
        self, layer: nn.RMSNorm, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of the weight, of the normalised shape."""
        shape = layer.normalized_shape
        scale = _scale(lambda part: rms_norm(part, shape, eps=layer.eps), _over_places(shape), x, g)
        return [(layer.weight, Instantiated(over_rows(scale, units)))]


class GroupNormRule:
    """y = w * normalised(x) + b, one number of each for a channel."""

    def refusal(self, layer: nn.GroupNorm) -> str | None:
        """Every GroupNorm has its rule."""
        return None

    def contributions(
        self, layer: nn.GroupNorm, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of weight and bias, (channels,)."""
        scale = _scale(lambda part: group_norm(part, layer.num_groups, eps=layer.eps), _over_pixels, x, g)
        return [
            (layer.weight, Instantiated(over_rows(scale, units))),
            (layer.bias, Instantiated(over_rows(_over_pixels(g), units))),
        ]


def _scale(normalise: Normalise, reduce: Reduce, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """Return the rows' gradients of the scale: output gradients times normalised inputs, added up over places."""
    return torch.cat([reduce(normalise(x[part].float()).mul_(g[part])) for part in parts(len(x), x.numel())])


def _over_places(shape: tuple[int, ...]) -> Reduce:
    return lambda x: x.reshape(len(x), -1, *shape).sum(1)


def _over_pixels(x_RCL: torch.Tensor) -> torch.Tensor:
    return x_RCL.flatten(2).sum(2)
