"""The discrete Gaussian: integers x with mass proportional to exp(-x^2 / (2 SIGMA^2)), SIGMA = 2^40.

Rules kept here:

1. Proposal with exact integer probabilities (`table`), a place in the cell by 34 uniform bits, acceptance by 62 uniform
   bits against keep * exp(-y), y = (x^2 - edge^2) / (2 SIGMA^2), in float64.
2. The first 30 of the 62 bits decide alone where they are below every acceptance probability of the cell; that gives
   the same decision, and only one draw in eighty needs an exponential.
3. All that is rejected is drawn anew from the beginning, by itself; how often is independent of what is accepted.

**Pointwise error.** Within a cell u = |x| - edge is at most 2^34, so u / SIGMA and 2 edge / SIGMA + u / SIGMA are exact
in float64, and y, at most 1/4, is rounded once. exp is off by at most 4 units in the last place (CUDA and SLEEF promise
1), `keep` by half a unit, the product by one rounding, and the 62 bits cut off less than 2^-62. Together that is less
than 8 * 2^-53 of a probability of at least 3/4, so every |x| <= 16 SIGMA has its mass within a relative 2^-48 after
normalisation, and the rest, mass below 2^-188 of a draw, is never drawn.

Source: Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy".
"""

from __future__ import annotations

import math
from typing import Final

import torch

from secure_ds.training.dp.noise.keystream import Keystream
from secure_ds.training.dp.noise.table import (
    CELLS_PER_SIGMA,
    COLUMN_BITS,
    COLUMN_WEIGHT,
    COLUMNS,
    SIGMA,
    TAIL_BYTES,
    WIDTH,
    WIDTH_BITS,
    Cell,
    proposal_table,
)

_FIRST_BITS: Final = 64 - WIDTH_BITS
_MORE_BITS: Final = 32
_HALF: Final = 2 ** (_FIRST_BITS - 1)
_CPU_CHUNK: Final = 2**15  # the second cache holds this many at once
_CUDA_CHUNK: Final = 2**24


class DiscreteGaussian:
    """Draws integers on one device."""

    def __init__(self, keystream: Keystream, device: torch.device) -> None:
        self._keystream, self._device = keystream, device
        self._chunk = chunk_size(device)
        table = proposal_table()
        self._tail_symbol = len(table.main)
        ends = [
            min((column - COLUMNS // 2) * COLUMN_WEIGHT + own, 2**63 - 1) for column, own in enumerate(table.thresholds)
        ]
        places = [min(symbol, self._tail_symbol) for symbol in (*range(COLUMNS), *table.aliases)]
        cells = [*table.main, Cell(0, 0, table.tail_weight, 0.0)]
        self._ends = self._tensor(ends)
        self._symbols = self._tensor(places)
        self._starts = self._tensor([cells[place].start for place in places])
        self._sure = self._tensor([_surely_accepted(cells[place]) for place in places])
        self._edges = self._tensor([cell.edge for cell in cells])
        self._keep = torch.tensor([cell.keep for cell in cells], dtype=torch.float64, device=device)

    def draw(self, count: int) -> torch.Tensor:
        """Return (count,) independent draws, int64."""
        drawn = torch.empty(count, dtype=torch.int64, device=self._device)
        rejected = [self._attempt(part) + start for start, part in self._parts(drawn)]
        places = torch.cat(rejected) if rejected else drawn
        while places.numel():
            again = torch.empty_like(places)
            still = self._attempt(again)
            drawn[places] = again
            places = places[still]
        return drawn

    def _parts(self, drawn: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
        return [(start, drawn[start : start + self._chunk]) for start in range(0, len(drawn), self._chunk)]

    def _attempt(self, out: torch.Tensor) -> torch.Tensor:
        """Fill `out` with proposals; return the places of those that are rejected."""
        count = len(out)
        first, second = self._keystream.words(2 * count, self._device).view(2, count)
        columns: torch.Tensor = (first >> (64 - COLUMN_BITS)) + COLUMNS // 2
        entries = columns.add_(first >= self._ends.index_select(0, columns), alpha=COLUMNS)
        torch.add(self._starts.index_select(0, entries), second & (WIDTH - 1), out=out)
        bits = second >> WIDTH_BITS
        unsure = (bits >= self._sure.index_select(0, entries)).nonzero().view(-1)
        accepted = self._exact_test(out, unsure, self._symbols[entries[unsure]], bits[unsure])
        rejected: torch.Tensor = unsure[~accepted]
        return rejected

    def _exact_test(
        self, out: torch.Tensor, places: torch.Tensor, symbols: torch.Tensor, bits: torch.Tensor
    ) -> torch.Tensor:
        more = self._keystream.words(len(places), self._device) & (2**_MORE_BITS - 1)
        numbers = ((bits + _HALF) << _MORE_BITS) + more
        edges, keep = self._edges[symbols], self._keep[symbols]
        is_tail = symbols == self._tail_symbol
        for row in is_tail.nonzero().view(-1).tolist():  # one in 2^27
            cell = proposal_table().tail_cell(self._keystream.integer(TAIL_BYTES))
            if cell is not None:
                out[places[row]] += cell.start
                edges[row], keep[row] = cell.edge, cell.keep
        accepted: torch.Tensor = numbers < _acceptance(out[places], edges, keep)
        return accepted

    def _tensor(self, numbers: list[int]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.int64, device=self._device)


def chunk_size(device: torch.device) -> int:
    """Return how many coordinates are worked on at once."""
    return _CPU_CHUNK if device.type == "cpu" else _CUDA_CHUNK


def _acceptance(x: torch.Tensor, edges: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Return floor(2^62 keep exp(-y)), int64."""
    beyond = (x.abs() - edges).double() / SIGMA
    y = beyond * (edges.double() * (2 / SIGMA) + beyond) / 2
    return ((keep * torch.exp(-y)) * 2.0**62).long()


def _surely_accepted(cell: Cell) -> int:
    """Return the number, from -2^29, below which 30 bits mean acceptance wherever in the cell."""
    edge, width = cell.edge / SIGMA, 1 / CELLS_PER_SIGMA
    least = cell.keep * math.exp(-width * (2 * edge + width) / 2)
    bits: int = max(math.floor(least * 2.0**_FIRST_BITS) - 1, 0)
    return bits - _HALF
