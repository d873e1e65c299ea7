"""Convolutions over one or two axes, as matrix products with the windows that the kernel sees.

Axes: R rows, U units, S places in a unit (its rows' output pixels), G groups, C channels of a group, H height, W width,
K numbers of a window (C times kernel), L output pixels, O output channels of a group.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import pad, unfold

from secure_ds.training.dp.engine.contributions import Contribution, Factored, Instantiated
from secure_ds.training.dp.engine.layers.rule import matrix_gradients


class ConvolutionRule:
    """y = W * x + b, with stride, padding, dilation and groups."""

    def refusal(self, layer: nn.Module) -> str | None:
        """Refuse padding by anything but zeros."""
        assert isinstance(layer, nn.Conv1d | nn.Conv2d)
        return None if layer.padding_mode == "zeros" else f"padding_mode {layer.padding_mode!r} is not 'zeros'"

    def contributions(
        self, layer: nn.Module, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[nn.Parameter, Contribution]]:
        """Return gradients of weight (outputs, channels of a group, kernel...) and bias (outputs,)."""
        assert isinstance(layer, nn.Conv1d | nn.Conv2d)
        found: list[tuple[nn.Parameter, Contribution]] = [(layer.weight, _weight(layer, x.float(), g, units))]
        if layer.bias is not None:
            found.append((layer.bias, Instantiated(g.flatten(2).sum(2).view(units, -1, g.shape[1]).sum(1))))
        return found


def _weight(layer: nn.Conv1d | nn.Conv2d, x: torch.Tensor, g: torch.Tensor, units: int) -> Factored | Instantiated:
    x_USK = _places(_windows(layer, x), units, layer.groups)
    g_USO = _places(g.flatten(2), units, layer.groups)
    if layer.groups == 1:
        return matrix_gradients(x_USK, g_USO)
    return Instantiated(Factored(x_USK, g_USO).instantiate().view(units, *layer.weight.shape))


def _windows(layer: nn.Conv1d | nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return what the kernel sees at every output pixel, (rows, groups * K, L)."""
    if layer.kernel_size == (1,) * len(layer.kernel_size) and set(layer.stride) == {1} and layer.padding == (0, 0):
        return x.flatten(2)
    x = pad(x, _padding(layer))
    if isinstance(layer, nn.Conv1d):
        return unfold(x.unsqueeze(2), (1, *layer.kernel_size), (1, *layer.dilation), 0, (1, *layer.stride))
    return unfold(x, layer.kernel_size, layer.dilation, 0, layer.stride)


def _padding(layer: nn.Conv1d | nn.Conv2d) -> list[int]:
    """Return zeros to put before and after each axis, the last axis first."""
    sides: list[int] = []
    for axis in reversed(range(len(layer.kernel_size))):
        if isinstance(layer.padding, str):
            total = layer.dilation[axis] * (layer.kernel_size[axis] - 1) if layer.padding == "same" else 0
            sides += [total // 2, total - total // 2]
        else:
            sides += [layer.padding[axis]] * 2
    return sides


def _places(x_RDL: torch.Tensor, units: int, groups: int) -> torch.Tensor:
    """Return (units * groups, places, D / groups)."""
    rows, depth, pixels = x_RDL.shape
    x_UPGDL = x_RDL.reshape(units, rows // units, groups, depth // groups, pixels)
    return x_UPGDL.permute(0, 2, 1, 4, 3).reshape(units * groups, -1, depth // groups)
