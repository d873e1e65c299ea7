"""Grey images, pooled by the mean of 2 x 2 pixels: 28 x 28 bytes become 196 features in [0, 1]."""

from typing import Annotated, Literal

from pydantic import Field

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.feature_maps.unit_ball import Declaration, UnitBall
from secure_ds.data.records import FloatArray, Records

_SIDE = 28
_POOL = 2
_WHITE = 255.0


class MeanPoolImages(Declaration):
    """Mean-pool a column of 28 x 28 images with pixels 0 to 255.

    Attributes:
        column: name of the image column.
        unit_ball: the declared scale of the whole record.
    """

    map: Literal["mean_pool_images"] = "mean_pool_images"
    version: Literal[1] = 1
    column: Annotated[str, Field(min_length=1, max_length=128)]
    unit_ball: UnitBall

    @property
    def n_features(self) -> int:
        """Number of features, the bias included."""
        return (_SIDE // _POOL) ** 2 + 1

    def apply(self, records: Records) -> FloatArray:
        """Return (n, 197) with rows of norm at most 1, row-major pixels, bias last.

        Raises:
            InvalidRecords: the column is absent, of another shape, or has a pixel outside 0 to 255.
        """
        images = records.numeric(self.column)
        if images.shape[1:] != (_SIDE, _SIDE):
            raise InvalidRecords(f"column {self.column!r} must hold {_SIDE} x {_SIDE} images, not {images.shape[1:]}")
        if images.min() < 0 or images.max() > _WHITE:
            raise InvalidRecords(f"column {self.column!r}: pixels must lie between 0 and 255")
        half = _SIDE // _POOL
        pooled = images.reshape(-1, half, _POOL, half, _POOL).mean(axis=(2, 4)) / _WHITE
        return self.unit_ball.place(pooled.reshape(len(records), half * half))
