"""Whether indexes come in order, each once: which are skipped, late or repeated, in memory of the gaps alone."""

from collections.abc import Iterator
from enum import Enum, auto


class Place(Enum):
    """How an index stands to those before it."""

    NEXT = auto()
    AFTER_GAP = auto()
    LATE = auto()
    REPEATED = auto()


class IndexOrder:
    """Follows a sequence of indexes that should be `first, first + 1, ...`."""

    def __init__(self, first: int) -> None:
        self.expected = first
        self._gaps: list[range] = []

    def place(self, index: int) -> Place:
        """Take the next index of the sequence and say how it stands."""
        if index == self.expected:
            self.expected += 1
            return Place.NEXT
        if index > self.expected:
            self._gaps.append(range(self.expected, index))
            self.expected = index + 1
            return Place.AFTER_GAP
        return Place.LATE if self._fill(index) else Place.REPEATED

    def missing(self) -> Iterator[range]:
        """Yield the indexes that never came, as ranges in rising order."""
        yield from sorted(self._gaps, key=lambda gap: gap.start)

    def _fill(self, index: int) -> bool:
        for at, gap in enumerate(self._gaps):
            if index in gap:
                parts = (range(gap.start, index), range(index + 1, gap.stop))
                self._gaps[at : at + 1] = [part for part in parts if part]
                return True
        return False
