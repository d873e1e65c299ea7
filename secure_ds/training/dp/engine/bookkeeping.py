"""Our engine: clipped sums from one forward and one backward pass.

Rules:
  1. No weight gradient of a batch is ever formed without clipping: the backward pass gives the gradients of layers'
     outputs alone (`recording`), each layer's rule keeps what its weights' gradients are made of (`layers`), and one
     weighted product per parameter makes the clipped sum (Bu et al. 2023, "book-keeping"; norms by Li et al. 2022).
  2. Norms, factors and weighted products are float32 whatever the precision of the passes.
  3. A layer with trainable parameters and no rule is refused by name and class before anything runs.

Axes: U units.
"""

from __future__ import annotations

import torch
from torch import nn

from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.engine.clipping import clipping_factors
from secure_ds.training.dp.engine.interface import Clipping, GradientEngine, UnsupportedModel
from secure_ds.training.dp.engine.layers.table import rules_for
from secure_ds.training.dp.engine.ledger import Ledger
from secure_ds.training.dp.engine.recording import recording
from secure_ds.training.dp.performance import Performance


class BookkeepingEngine(GradientEngine):
    """See the rules above."""

    def __init__(self, model: nn.Module, task: str, clipping: Clipping, performance: Performance) -> None:
        super().__init__(model, task, clipping, performance)
        self._rules = rules_for(model)
        self._names = {layer: name for name, layer in model.named_modules()}

    def _add(self, batch: Batch, sums: dict[str, torch.Tensor]) -> None:
        ledger, rows, units = Ledger(), len(batch.weights), batch.n_units

        def listen(layer: nn.Module, x: torch.Tensor, g: torch.Tensor) -> None:
            if len(x) != rows or len(g) != rows:
                raise UnsupportedModel(f"layer {self._names[layer]!r} was called without the rows as its first axis")
            for parameter, contribution in self._rules[layer].contributions(layer, x, g.float(), units):
                ledger.enter(parameter, contribution)

        with recording(self._rules, self._trainable.values(), listen) as record:
            record.backward(self._row_losses(batch).sum())
        with torch.no_grad():
            self._book(ledger, units, sums)

    def _book(self, ledger: Ledger, units: int, sums: dict[str, torch.Tensor]) -> None:
        contributions = ledger.close()
        squares_U = torch.zeros(units, device=self.device)
        for contribution in contributions.values():
            squares_U += contribution.squared_norms()
        bad_U = ~torch.isfinite(squares_U)
        if bad_U.any():
            for contribution in contributions.values():
                contribution.drop(bad_U)
        factors_U = clipping_factors(squares_U, self._clipping)
        for name, parameter in self._trainable.items():
            if parameter in contributions:
                contributions[parameter].add_to(sums[name], factors_U)
