"""Opacus's two ways behind our interface: hooks (gradients of all rows instantiated) and ghost clipping.

Rules: clipping factors are ours, so that engines differ in how they compute and in nothing else; what Opacus cannot do
is refused by name before anything runs; its attributes are gone from the parameters after each pass. They are oracles
for our engine, and options.

Axes: U units, R rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from opacus.grad_sample import GradSampleHooks, GradSampleHooksFastGradientClipping
from torch import nn

from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.engine.clipping import clipping_factors
from secure_ds.training.dp.engine.contributions import Instantiated
from secure_ds.training.dp.engine.interface import Clipping, GradientEngine, UnsupportedModel
from secure_ds.training.dp.performance import Performance


class HooksEngine(GradientEngine):
    """Opacus's default: one backward pass that instantiates every row's gradient."""

    def __init__(self, model: nn.Module, task: str, clipping: Clipping, performance: Performance) -> None:
        super().__init__(model, task, clipping, performance)
        _refuse_unknown(model)

    def _add(self, batch: Batch, sums: dict[str, torch.Tensor]) -> None:
        with _hooked(GradSampleHooks, self._model):
            self._row_losses(batch).sum().backward()  # type: ignore[no-untyped-call]
            found = {name: _of_units(each, batch) for name, each in self._trainable.items()}
        gradients = {name: each for name, each in found.items() if each is not None}
        squares_U = torch.stack([each.squared_norms() for each in gradients.values()]).sum(0)
        factors_U = clipping_factors(squares_U, self._clipping)
        for name, contribution in gradients.items():
            contribution.drop(~torch.isfinite(squares_U))
            contribution.add_to(sums[name], factors_U)


class GhostEngine(GradientEngine):
    """Opacus's ghost clipping: one backward pass for the norms, one for the weighted sum. Units of one row, float32."""

    def __init__(self, model: nn.Module, task: str, clipping: Clipping, performance: Performance) -> None:
        super().__init__(model, task, clipping, performance)
        _refuse_unknown(model)
        _refuse_tied(model)
        if performance.precision != "float32":
            raise UnsupportedModel("Opacus computes ghost norms in bfloat16 there; use float32, or engine bookkeeping")

    def _add(self, batch: Batch, sums: dict[str, torch.Tensor]) -> None:
        if batch.rows_per_unit != 1:
            raise UnsupportedModel("Opacus's ghost clipping knows units of one row; use engine bookkeeping or hooks")
        with _hooked(GradSampleHooksFastGradientClipping, self._model) as hooks:
            losses_R = self._row_losses(batch)
            losses_R.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
            squares_R = hooks.get_norm_sample().square()
            hooks.disable_hooks()
            self._model.zero_grad()
            bad_R = ~torch.isfinite(squares_R)
            if bad_R.any():
                losses_R = self._row_losses(_blanked(batch, bad_R))
            (losses_R * clipping_factors(squares_R, self._clipping)).sum().backward()  # type: ignore[no-untyped-call]
            for name, parameter in self._trainable.items():
                if parameter.grad is not None:
                    sums[name] += parameter.grad


@contextmanager
def _hooked(kind: type[Any], model: nn.Module) -> Iterator[Any]:
    hooks = kind(model, loss_reduction="sum")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Full backward hook is firing")  # true, and meant: inputs are records
            yield hooks
    finally:
        hooks.cleanup()
        model.zero_grad()


def _of_units(parameter: Any, batch: Batch) -> Instantiated | None:
    if parameter.grad_sample is None:
        return None
    gradients = parameter.grad_sample.float()
    return Instantiated(gradients.view(batch.n_units, batch.rows_per_unit, *parameter.shape).sum(1))


def _blanked(batch: Batch, rows_R: torch.Tensor) -> Batch:
    """Return the batch with zeros as inputs of some rows: 0 * infinity is not 0."""
    inputs = batch.inputs.clone()
    inputs[rows_R] = 0
    return Batch(inputs, batch.targets, batch.weights, batch.rows_per_unit)


def _refuse_unknown(model: nn.Module) -> None:
    for name, layer in model.named_modules():
        if any(each.requires_grad for each in layer.parameters(recurse=False)):
            reason = _why_not(layer)
            if reason:
                raise UnsupportedModel(f"layer {name!r} ({type(layer).__name__}) {reason}; use engine bookkeeping")


def _why_not(layer: nn.Module) -> str | None:
    """Return why Opacus 1.6 cannot clip a layer, or None."""
    if type(layer) not in GradSampleHooks.GRAD_SAMPLERS:
        return "has no rule in Opacus"
    if isinstance(layer, nn.Embedding) and layer.padding_idx is not None:
        return "has a padding id, to whose row Opacus gives a gradient"
    if isinstance(layer, nn.LayerNorm) and layer.bias is None:
        return "has no bias, without which Opacus fails"
    return None


def _refuse_tied(model: nn.Module) -> None:
    owners: dict[nn.Parameter, str] = {}
    for name, layer in model.named_modules():
        for parameter in layer.parameters(recurse=False):
            if parameter.requires_grad and parameter in owners:
                raise UnsupportedModel(
                    f"layers {owners[parameter]!r} and {name!r} ({type(layer).__name__}) share a parameter, which "
                    "Opacus's ghost clipping cannot do; use engine bookkeeping or hooks"
                )
            owners[parameter] = name
