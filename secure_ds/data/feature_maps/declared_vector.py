"""A column that holds a vector per record already, such as an embedding that its owner computed."""

from typing import Annotated, Literal

from pydantic import Field

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name, RecordMap
from secure_ds.data.records import FloatArray, Records


class DeclaredVector(RecordMap):
    """Take the vectors of one column as they are.

    How the vectors came about is not checked. They must have been computed from one record each, by something that was
    not fitted on these records; `about` says by what.

    Attributes:
        column: name of the column.
        size: numbers per vector.
    """

    map: Literal["declared_vector"] = "declared_vector"
    version: Literal[1] = 1
    column: Name
    size: Annotated[int, Field(ge=1, le=MAX_WIDTH)]

    @property
    def width(self) -> int:
        """The declared size."""
        return self.size

    def features(self, records: Records) -> FloatArray:
        """Return (n, size).

        Raises:
            InvalidRecords: the column is absent, of another shape, or holds what is no finite number.
        """
        vectors = records.numeric(self.column)
        if vectors.shape[1:] != (self.size,):
            raise InvalidRecords(f"column {self.column!r} must hold {self.size} numbers per record")
        return vectors
