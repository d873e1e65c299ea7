"""The book that is kept during a backward pass: each parameter's gradients of all units, until factors are known.

Rules: a parameter used several times (tied weights, a layer called twice) has one gradient, the sum over its uses; its
norm is the norm of that sum, cross terms included, never the sum of norms.

Axes: U units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from secure_ds.training.dp.engine.contributions import Contribution, Factored, Instantiated, Scattered, Tied


class Ledger:
    """Contributions by parameter."""

    def __init__(self) -> None:
        self._uses: dict[torch.Tensor, list[Contribution]] = {}

    def enter(self, parameter: torch.Tensor, contribution: Contribution) -> None:
        """Note one use of a parameter."""
        self._uses.setdefault(parameter, []).append(contribution)

    def close(self) -> dict[torch.Tensor, Contribution]:
        """Return one contribution for each parameter that was used."""
        return {parameter: merge(parameter, uses) for parameter, uses in self._uses.items()}


def merge(parameter: torch.Tensor, uses: Sequence[Contribution]) -> Contribution:
    """Return the uses of one parameter as one contribution.

    Uses as factors are put one behind the other: a unit then has the places of all of them. A table and a matrix stay
    two, with their cross term. Where one use is instantiated, the others are added to it.
    """
    if len(uses) == 1:
        return uses[0]
    factored = [use for use in uses if isinstance(use, Factored)]
    scattered = [use for use in uses if isinstance(use, Scattered)]
    instantiated = [use for use in uses if isinstance(use, Instantiated)]
    if instantiated:
        return _added_up(parameter, instantiated, factored, scattered)
    head = Factored(*(torch.cat(sides, 1) for sides in zip(*_sides(factored), strict=True))) if factored else None
    table = (
        Scattered(torch.cat([use.ids for use in scattered], 1), torch.cat([use.outputs for use in scattered], 1))
        if scattered
        else None
    )
    return Tied(table, head) if head and table else head or table or uses[0]


def _sides(factored: Sequence[Factored]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(use.inputs, use.outputs) for use in factored]


def _added_up(
    parameter: torch.Tensor,
    instantiated: Sequence[Instantiated],
    factored: Sequence[Factored],
    scattered: Sequence[Scattered],
) -> Instantiated:
    total = instantiated[0].gradients
    total = total.view(len(total), *parameter.shape)
    for whole in instantiated[1:]:
        total += whole.gradients.view_as(total)
    for product in factored:
        total += product.instantiate().view_as(total)
    for table in scattered:
        table.scatter_into(total)
    return Instantiated(total)
