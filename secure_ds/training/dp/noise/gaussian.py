"""The discrete Gaussian: integers x with mass proportional to exp(-x^2 / (2 SIGMA^2)), SIGMA = 2^40.

Rules kept here:

1. Proposal with exact integer probabilities (`table`), a place in the cell by 34 uniform bits, acceptance if a uniform
   number is below keep * exp(-y), y = (x^2 - edge^2) / (2 SIGMA^2).
2. The number's first 30 bits decide alone where they are below every acceptance probability of the cell: only one draw
   in eighty needs an exponential. Then 62 bits are compared with the probability in float64. Where they are closer to
   it than float64's error could reach, one draw in 2^53, 190 bits are compared with 60 decimal digits.
3. All that is rejected is drawn anew from the beginning, by itself; how often is independent of what is accepted.

**Pointwise error.** Within a cell u = |x| - edge is at most 2^34, so u / SIGMA and 2 edge / SIGMA + u / SIGMA are exact
in float64, and y, at most 1/4, is rounded once. exp is off by at most 4 units in the last place (CUDA and SLEEF promise
1), `keep` by half a unit, the product by one rounding, and the 62 bits cut off less than 2^-62: together less than
8 * 2^-53, that is 2^12 of 2^62, where `_DOUBT` is 2^14. So every decision is that of the last comparison, and every
|x| <= 16 SIGMA has its mass within a relative 2^-180; the rest, mass below 2^-188 of a draw, is never drawn.

Source: Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy".
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Final

import torch

from secure_ds.training.dp.noise.keystream import Keystream
from secure_ds.training.dp.noise.parts import in_parallel, part_size
from secure_ds.training.dp.noise.table import (
    CELLS_PER_SIGMA,
    COLUMN_BITS,
    COLUMN_WEIGHT,
    COLUMNS,
    DIGITS,
    SIGMA,
    TAIL_BYTES,
    WIDTH,
    WIDTH_BITS,
    Cell,
    proposal_table,
)

_FIRST_BITS: Final[int] = 64 - WIDTH_BITS
_MORE_BITS: Final = 32
_DOUBT: Final[int] = 2**14
_LAST_BYTES: Final[int] = 16
_HALF: Final[int] = 2 ** (_FIRST_BITS - 1)


class DiscreteGaussian:
    """Draws integers on one device."""

    def __init__(self, keystream: Keystream, device: torch.device) -> None:
        self._keystream, self._device = keystream, device
        self._part = part_size(device)
        table = proposal_table()
        self._tail_symbol = len(table.main)
        ends = [
            min((column - COLUMNS // 2) * COLUMN_WEIGHT + own, 2**63 - 1) for column, own in enumerate(table.thresholds)
        ]
        places = [min(symbol, self._tail_symbol) for symbol in (*range(COLUMNS), *table.aliases)]
        cells = [*table.main, Cell(0, 0, table.tail_weight, Decimal(0))]
        self._ends = self._tensor(ends)
        self._symbols = self._tensor(places)
        self._starts = self._tensor([cells[place].start for place in places])
        self._sure = self._tensor([_surely_accepted(cells[place]) for place in places])
        self._edges = self._tensor([cell.edge for cell in cells])
        self._keep = torch.tensor([float(cell.keep) for cell in cells], dtype=torch.float64, device=device)

    def draw(self, count: int) -> torch.Tensor:
        """Return (count,) independent draws, int64."""
        drawn = torch.empty(count, dtype=torch.int64, device=self._device)
        parts = drawn.split(self._part)  # type: ignore[no-untyped-call]
        rejected = [places + number * self._part for number, places in enumerate(in_parallel(self._attempt, parts))]
        places = torch.cat(rejected)
        while places.numel():
            again = torch.empty_like(places)
            still = self._attempt(again)
            drawn[places] = again
            places = places[still]
        return drawn

    def _attempt(self, out: torch.Tensor) -> torch.Tensor:
        """Fill `out` with proposals; return the places of those that are rejected."""
        count = len(out)
        first, second = self._keystream.words(2 * count, self._device).view(2, count)
        columns: torch.Tensor = (first >> (64 - COLUMN_BITS)) + COLUMNS // 2
        entries = columns.add_(first >= self._ends.index_select(0, columns), alpha=COLUMNS)
        torch.add(self._starts.index_select(0, entries), second & (WIDTH - 1), out=out)
        bits = second >> WIDTH_BITS
        unsure = (bits >= self._sure.index_select(0, entries)).nonzero().view(-1)
        accepted = self._second_test(out, unsure, self._symbols[entries[unsure]], bits[unsure])
        rejected: torch.Tensor = unsure[~accepted]
        return rejected

    def _second_test(
        self, out: torch.Tensor, places: torch.Tensor, symbols: torch.Tensor, bits: torch.Tensor
    ) -> torch.Tensor:
        """Tell which proposals are accepted, of those whose first bits do not; those of the tail get their place."""
        more = self._keystream.words(len(places), self._device) & (2**_MORE_BITS - 1)
        numbers = ((bits + _HALF) << _MORE_BITS) + more
        edges, keep = self._edges[symbols], self._keep[symbols]
        in_tail: dict[int, Cell | None] = {}
        for row in _true(symbols == self._tail_symbol):  # one in 2^27
            cell = in_tail[row] = proposal_table().tail_cell(self._keystream.integer(TAIL_BYTES))
            if cell is not None:
                out[places[row]] += cell.start
                edges[row], keep[row] = cell.edge, float(cell.keep)
        thresholds = _acceptance(out[places], edges, keep)
        accepted: torch.Tensor = numbers < thresholds
        for row in _true((numbers - thresholds).abs() <= _DOUBT):
            cell = in_tail[row] if row in in_tail else proposal_table().main[int(symbols[row])]
            accepted[row] = cell is not None and self._last_test(cell, int(out[places[row]]), int(numbers[row]))
        return accepted

    def _last_test(self, cell: Cell, x: int, number: int) -> bool:
        with localcontext() as context:
            context.prec = DIGITS
            y = Decimal(x * x - cell.edge * cell.edge) / (2 * SIGMA * SIGMA)
            uniform = number + Decimal(self._keystream.integer(_LAST_BYTES)) / 256**_LAST_BYTES
            return bool(uniform < cell.keep * (-y).exp() * 2 ** (_FIRST_BITS + _MORE_BITS))

    def _tensor(self, numbers: list[int]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.int64, device=self._device)


def _true(mask: torch.Tensor) -> list[int]:
    rows: list[int] = mask.nonzero().view(-1).tolist()
    return rows


def _acceptance(x: torch.Tensor, edges: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Return floor(2^62 keep exp(-y)), int64."""
    beyond = (x.abs() - edges).double() / SIGMA
    y = beyond * (edges.double() * (2 / SIGMA) + beyond) / 2
    return ((keep * torch.exp(-y)) * 2.0**62).long()


def _surely_accepted(cell: Cell) -> int:
    """Return the number, from -2^29, below which 30 bits mean acceptance wherever in the cell."""
    edge, width = cell.edge / SIGMA, 1 / CELLS_PER_SIGMA
    least = float(cell.keep) * math.exp(-width * (2 * edge + width) / 2)
    bits: int = max(math.floor(least * 2.0**_FIRST_BITS) - 1, 0)
    return bits - _HALF
