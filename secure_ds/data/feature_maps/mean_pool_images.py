"""Grey images, pooled by the mean of squares of pixels: 28 x 28 bytes in squares of 2 become 196 features in [0, 1]."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from secure_ds.data.feature_maps.grey_images import Side, grey_images
from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name, RecordMap
from secure_ds.data.records import FloatArray, Records


class MeanPoolImages(RecordMap):
    """Mean-pool a column of square grey images with pixels 0 to 255.

    Attributes:
        column: name of the image column.
        side: pixels along an edge of an image.
        pool: pixels along an edge of the squares that are averaged; divides `side`.
    """

    map: Literal["mean_pool_images"] = "mean_pool_images"
    version: Literal[1] = 1
    column: Name
    side: Side
    pool: Annotated[int, Field(ge=1, le=1024)]

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.side % self.pool or self.width > MAX_WIDTH:
            raise ValueError(f"pool must divide side and leave at most {MAX_WIDTH} squares")
        return self

    @property
    def width(self) -> int:
        """Number of squares."""
        return (self.side // self.pool) ** 2

    def features(self, records: Records) -> FloatArray:
        """Return (n, width), squares row by row.

        Raises:
            InvalidRecords: the column is absent, of another shape, or has a pixel outside 0 to 255.
        """
        images, n, pool = grey_images(records, self.column, self.side), self.side // self.pool, self.pool
        pooled: FloatArray = images.reshape(-1, n, pool, n, pool).mean(axis=(2, 4))
        return pooled.reshape(len(records), self.width)
