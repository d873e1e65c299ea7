"""Grey images as a column: square, of a declared side, with pixels from 0 (black) to 255 (white)."""

from typing import Annotated

from pydantic import Field

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.records import FloatArray, Records

WHITE = 255.0
Side = Annotated[int, Field(ge=2, le=1024)]


def grey_images(records: Records, column: str, side: int) -> FloatArray:
    """Return (n, side, side) with pixels between 0 and 1.

    Raises:
        InvalidRecords: the column is absent, of another shape, or has a pixel outside 0 to 255.
    """
    images = records.numeric(column)
    if images.shape[1:] != (side, side):
        raise InvalidRecords(f"column {column!r} must hold {side} x {side} images, not {images.shape[1:]}")
    if images.min() < 0 or images.max() > WHITE:
        raise InvalidRecords(f"column {column!r}: pixels must lie between 0 and 255")
    scaled: FloatArray = images / WHITE
    return scaled
