"""The proposal that `gaussian` rejects from: exactly known integer probabilities of cells of the line.

Write g(x) = exp(-x^2 / (2 SIGMA^2)). The line from -16 SIGMA to 16 SIGMA is cut into cells of WIDTH integers; cell i
holds i WIDTH <= x < (i + 1) WIDTH. Its edge is its end nearer to zero, where g is at least what it is in the cell.

Rules kept here:

1. A cell within 6 SIGMA is proposed with probability weight / 2^64, a cell beyond with probability
   (tail weight / 2^64) (weight / 2^192). All are integers, and the alias table has exactly these probabilities.
2. weight >= K g(edge) for one constant K, so that `keep` = K g(edge) / weight is at most 1: proposing a cell, then a
   place in it uniformly, then accepting with probability keep * g(x) / g(edge), gives mass proportional to g exactly.
3. Built once, with 60 decimal digits.

Source: alias table, Walker 1977 and Vose 1991; rejection from cells, Marsaglia and Tsang 2000 (exact weights here).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from functools import lru_cache
from itertools import accumulate
from typing import Final

SIGMA_BITS: Final = 40
SIGMA: Final = 2**SIGMA_BITS
CELLS_PER_SIGMA: Final = 64
WIDTH_BITS: Final = SIGMA_BITS - 6
WIDTH: Final = 2**WIDTH_BITS

COLUMN_BITS: Final = 10
COLUMNS: Final = 2**COLUMN_BITS
COLUMN_WEIGHT: Final = 2 ** (64 - COLUMN_BITS)
TOTAL: Final = 2**64
TAIL_TOTAL: Final = 2**192
TAIL_BYTES: Final = 24

MAIN_CELLS: Final = range(-6 * CELLS_PER_SIGMA, 6 * CELLS_PER_SIGMA)
END: Final = 16 * CELLS_PER_SIGMA
TAIL_CELLS: Final = (*range(-END, MAIN_CELLS.start), *range(MAIN_CELLS.stop, END))

DIGITS: Final = 60
_SLACK: Final = Decimal(2) ** -30  # of the total: more than rounding weights up can take


@dataclass(frozen=True)
class Cell:
    """A cell and its exact part in the proposal.

    Attributes:
        start: first integer of the cell.
        edge: distance of its nearer end from zero.
        weight: numerator of its probability, over 2^64, or over 2^192 within the tail.
        keep: K g(edge) / weight, at most 1, to 60 digits.
    """

    start: int
    edge: int
    weight: int
    keep: Decimal


@dataclass(frozen=True)
class Table:
    """The whole proposal.

    Attributes:
        main: cells within 6 SIGMA; symbol s of the alias table is `main[s]`.
        tail_weight: numerator, over 2^64, of the symbol after the last cell: look into the tail.
        tail: cells beyond.
        tail_ends: running sums of the tail's weights; a number of [0, 2^192) at or past the last is a rejection.
        thresholds: (COLUMNS,) how many of a column's 2^54 numbers mean the column's own symbol.
        aliases: (COLUMNS,) the symbol that the others mean.
    """

    main: tuple[Cell, ...]
    tail_weight: int
    tail: tuple[Cell, ...]
    tail_ends: tuple[int, ...]
    thresholds: tuple[int, ...]
    aliases: tuple[int, ...]

    def tail_cell(self, number: int) -> Cell | None:
        """Return the cell that a number of [0, 2^192) means, if any."""
        place = bisect_right(self.tail_ends, number)
        return self.tail[place] if place < len(self.tail) else None


@lru_cache(maxsize=1)
def proposal_table() -> Table:
    """Return the one table there is."""
    with localcontext() as context:
        context.prec = DIGITS
        heights = [_height(edge) for edge in range(END)]
        k = TOTAL * (1 - _SLACK) / (2 * sum(heights))
        main = tuple(_cell(i, k * heights[_edge(i)]) for i in MAIN_CELLS)
        tail_weight = TOTAL - sum(cell.weight for cell in main)
        scale = k * TAIL_TOTAL / tail_weight
        tail = tuple(_cell(i, scale * heights[_edge(i)]) for i in TAIL_CELLS)
    thresholds, aliases = _alias([*(cell.weight for cell in main), tail_weight])
    return Table(main, tail_weight, tail, tuple(accumulate(cell.weight for cell in tail)), thresholds, aliases)


def _edge(cell: int) -> int:
    """Distance of a cell's edge from zero, in cells."""
    return cell if cell >= 0 else -cell - 1


def _height(edge: int) -> Decimal:
    return (-Decimal(edge * edge) / (2 * CELLS_PER_SIGMA**2)).exp()


def _cell(cell: int, target: Decimal) -> Cell:
    weight = int(target.to_integral_value(ROUND_CEILING))
    return Cell(cell * WIDTH, _edge(cell) * WIDTH, weight, target / weight)


def _alias(weights: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return thresholds and aliases that give symbol s exactly weights[s] of the 2^64 words."""
    left = [*weights, *(0 for _ in range(COLUMNS - len(weights)))]
    aliases = list(range(COLUMNS))
    small = [column for column in range(COLUMNS) if left[column] < COLUMN_WEIGHT]
    large = [column for column in range(COLUMNS) if left[column] > COLUMN_WEIGHT]
    thresholds = [COLUMN_WEIGHT] * COLUMNS
    while small:
        lower, upper = small.pop(), large[-1]
        thresholds[lower], aliases[lower] = left[lower], upper
        left[upper] -= COLUMN_WEIGHT - left[lower]
        if left[upper] <= COLUMN_WEIGHT:
            large.pop()
        if left[upper] < COLUMN_WEIGHT:
            small.append(upper)
    return tuple(thresholds), tuple(aliases)
