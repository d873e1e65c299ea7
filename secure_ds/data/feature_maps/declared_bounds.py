"""Numeric columns with declared bounds: clip to [low, high], move to [-1, 1], then into the unit ball."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from secure_ds.data.feature_maps.unit_ball import Declaration, UnitBall
from secure_ds.data.records import FloatArray, Records

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
Name = Annotated[str, Field(min_length=1, max_length=128)]


class Bounds(Declaration):
    """One column and the interval that its owner declares for it, from public knowledge, in the column's own unit."""

    name: Name
    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high for {self.name!r}")
        return self


class DeclaredBounds(Declaration):
    """Scale named numeric columns by declared bounds.

    Attributes:
        about: where the bounds come from; they must not come from the records.
        columns: bounds in the order of the features.
        unit_ball: the declared scale of the whole record.
    """

    map: Literal["declared_bounds"] = "declared_bounds"
    version: Literal[1] = 1
    about: Annotated[str, Field(max_length=4096)] = ""
    columns: Annotated[tuple[Bounds, ...], Field(min_length=1, max_length=4095)]
    unit_ball: UnitBall

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({bounds.name for bounds in self.columns}) != len(self.columns):
            raise ValueError("a column is declared twice")
        return self

    @property
    def n_features(self) -> int:
        """Number of features, the bias included."""
        return len(self.columns) + 1

    def apply(self, records: Records) -> FloatArray:
        """Return (n, n_features) with rows of norm at most 1, bias last.

        Raises:
            InvalidRecords: a declared column is absent, or a cell is not a finite number.
        """
        return self.unit_ball.place(np.column_stack([_scaled(records, bounds) for bounds in self.columns]))


def _scaled(records: Records, bounds: Bounds) -> FloatArray:
    values = np.clip(records.numeric(bounds.name), bounds.low, bounds.high)
    return 2.0 * (values - bounds.low) / (bounds.high - bounds.low) - 1.0
