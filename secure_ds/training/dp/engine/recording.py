"""One forward and one backward pass that hand every layer's inputs and output gradients to a listener.

Rules:
  1. While it runs, no parameter asks for a gradient, so torch computes none: what comes back through the layers is the
     gradient of their outputs alone. The first layers' outputs are made the graph's leaves.
  2. Each call of a layer is heard once, at the moment its output's gradient is complete; its input is let go then.
  3. The model is left as it was, hooks and flags, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Listener = Callable[[nn.Module, torch.Tensor, torch.Tensor], None]


class Recording:
    """The graph of one forward pass through layers that are listened to."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._leaves: list[torch.Tensor] = []

    def backward(self, loss: torch.Tensor) -> None:
        """Go back through the graph once; the listener hears every layer that the loss depends on."""
        leaves, self._leaves = self._leaves, []  # they hold this object: a circle would keep the pass's memory
        if leaves and loss.requires_grad:
            torch.autograd.grad(loss, leaves, allow_unused=True)

    def hook(self, layer: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        """Listen to one call of a layer."""
        if not output.requires_grad:
            output = output.detach().requires_grad_()
            self._leaves.append(output)
        held = [inputs[0].detach()]
        output.register_hook(lambda gradient: self._listener(layer, held.pop(), gradient))  # type: ignore[no-untyped-call]
        return output


@contextmanager
def recording(
    layers: Collection[nn.Module], parameters: Collection[nn.Parameter], listener: Listener
) -> Iterator[Recording]:
    """Listen to layers during forward passes in this context, and during `Recording.backward`.

    Args:
        layers: to listen to.
        parameters: all trainable ones; frozen meanwhile.
        listener: called with a layer, its input and the gradient of its output.
    """
    record = Recording(listener)
    handles = [layer.register_forward_hook(record.hook) for layer in layers]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield record
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for handle in handles:
            handle.remove()
