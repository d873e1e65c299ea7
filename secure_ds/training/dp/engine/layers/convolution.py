"""Convolutions over one or two axes, as matrix products with the windows that the kernel sees.

Axes: R rows, N rows times groups, C channels, K numbers of a window (channels of a group times kernel), L output
pixels, D output channels, O output channels of a group.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import pad

from secure_ds.training.dp.engine.contributions import Contribution, Factored, Instantiated
from secure_ds.training.dp.engine.layers.rule import by_unit, over_rows, parts, prefers_factors


class ConvolutionRule:
    """y = W * x + b, with stride, padding, dilation and groups."""

    def refusal(self, layer: nn.Conv1d | nn.Conv2d) -> str | None:
        """Refuse padding by anything but zeros."""
        return None if layer.padding_mode == "zeros" else f"padding_mode {layer.padding_mode!r} is not 'zeros'"

    def contributions(
        self, layer: nn.Conv1d | nn.Conv2d, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of weight (outputs, channels of a group, kernel...) and bias (outputs,)."""
        found: list[tuple[torch.Tensor, Contribution]] = [(layer.weight, _weight(layer, x.float(), g, units))]
        if layer.bias is not None:
            found.append((layer.bias, Instantiated(over_rows(g.flatten(2).sum(2), units))))
        return found


def _weight(layer: nn.Conv1d | nn.Conv2d, x: torch.Tensor, g: torch.Tensor, units: int) -> Factored | Instantiated:
    windows, g_RDL = _windows(layer, x), g.flatten(2)
    pixels, window = g_RDL.shape[2], layer.weight[0].numel()
    if layer.groups == 1 and prefers_factors(len(x) // units * pixels, window, layer.out_channels):
        x_RKL = windows.reshape(len(x), window, pixels)
        return Factored(by_unit(x_RKL.transpose(1, 2), units), by_unit(g_RDL.transpose(1, 2), units))
    gradients_R = _instantiate(windows, g_RDL, layer.groups).view(len(x), *layer.weight.shape)
    return Instantiated(over_rows(gradients_R, units))


def _instantiate(windows: torch.Tensor, g_RDL: torch.Tensor, groups: int) -> torch.Tensor:
    """Return the gradients of rows, (rows, output channels, window); windows are copied a few rows at a time."""
    rows, n_out, pixels = g_RDL.shape
    window = windows[0].numel() // (groups * pixels)
    gradients = g_RDL.new_empty(rows * groups, n_out // groups, window)
    g_NOL = g_RDL.reshape(rows * groups, -1, pixels)
    for part in parts(rows, windows.numel()):
        x_NKL = windows[part].reshape(-1, window, pixels)
        now = slice(part.start * groups, part.stop * groups)
        torch.bmm(g_NOL[now], x_NKL.transpose(1, 2), out=gradients[now])
    return gradients


def _windows(layer: nn.Conv1d | nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return a view of what the kernel sees: (rows, channels, kernel..., output pixels...)."""
    windows = pad(x, _padding(layer))
    axes = len(layer.kernel_size)
    for axis in range(axes):
        reach = layer.dilation[axis] * (layer.kernel_size[axis] - 1) + 1
        windows = windows.unfold(2 + axis, reach, layer.stride[axis])
    taps = tuple(slice(None, None, dilation) for dilation in layer.dilation)
    windows = windows[:, :, *(slice(None),) * axes, *taps]
    pixels, kernel = range(2, 2 + axes), range(2 + axes, 2 + 2 * axes)
    return windows.permute(0, 1, *kernel, *pixels)


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
