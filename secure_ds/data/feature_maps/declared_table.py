"""A table with declared columns: numbers scaled by bounds, categories as one-hot columns, then into the unit ball."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name, RecordMap
from secure_ds.data.feature_maps.unit_ball import Declaration
from secure_ds.data.records import FloatArray, Records

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
Value = Annotated[str, Field(max_length=256)]


class Bounds(Declaration):
    """A column of numbers: clipped to [low, high], then moved to [-1, 1].

    Attributes:
        low, high: the interval that the owner declares from public knowledge, in the column's own unit.
        log1p: move log(1 + value) instead of the value, for amounts that spread over several powers of ten.
    """

    name: Name
    low: Finite
    high: Finite
    log1p: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high for {self.name!r}")
        if self.log1p and self.low < 0:
            raise ValueError(f"low must not be below 0 for {self.name!r}, whose logarithm is taken")
        return self

    @property
    def width(self) -> int:
        """One feature."""
        return 1

    def features(self, records: Records) -> FloatArray:
        """Return (n, 1) between -1 and 1."""
        values = np.clip(records.numeric(self.name), self.low, self.high).reshape(len(records), 1)
        low, high = self.low, self.high
        if self.log1p:
            low, high, values = float(np.log1p(low)), float(np.log1p(high)), np.log1p(values)
        return 2.0 * (values - low) / (high - low) - 1.0


class Categories(Declaration):
    """A column of texts as one feature per declared value: 1 where the cell is that value, else 0.

    Attributes:
        values: every value that counts, in the order of the features.
        other: whether cells of any other value have one more feature of their own; without it all theirs are 0.
    """

    name: Name
    values: Annotated[tuple[Value, ...], Field(min_length=1, max_length=MAX_WIDTH)]
    other: bool = False

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"a value of {self.name!r} is declared twice")
        return self

    @property
    def width(self) -> int:
        """One feature per value, and one for others where they have one."""
        return len(self.values) + self.other

    def features(self, records: Records) -> FloatArray:
        """Return (n, width) of zeros and ones."""
        hits = np.column_stack([records.equals(self.name, value) for value in self.values])
        if self.other:
            hits = np.column_stack([hits, ~hits.any(axis=1)])
        return hits.astype(np.float64)


def _kind(column: Any) -> str:
    if isinstance(column, dict):
        return "categories" if "values" in column else "bounds"
    return "categories" if isinstance(column, Categories) else "bounds"


Column = Annotated[
    Annotated[Bounds, Tag("bounds")] | Annotated[Categories, Tag("categories")],
    Discriminator(_kind),
]


class DeclaredTable(RecordMap):
    """Map named columns by declared bounds and declared lists of categories.

    Attributes:
        columns: in the order of the features.
    """

    map: Literal["declared_table"] = "declared_table"
    version: Literal[1] = 1
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MAX_WIDTH)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("a column is declared twice")
        if self.width > MAX_WIDTH:
            raise ValueError(f"the columns make {self.width} features, more than {MAX_WIDTH}")
        return self

    @property
    def width(self) -> int:
        """Features of all columns."""
        return sum(column.width for column in self.columns)

    def features(self, records: Records) -> FloatArray:
        """Return (n, width), columns in their order.

        Raises:
            InvalidRecords: a declared column is absent, or a number is none or not finite.
        """
        return np.column_stack([column.features(records) for column in self.columns])
