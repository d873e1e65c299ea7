"""Images as embeddings by a public model on the owner's machine: resized, normalised, network, length 1."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from secure_ds.data.errors import InvalidModel, InvalidRecords
from secure_ds.data.feature_maps.grey_images import WHITE, Side
from secure_ds.data.feature_maps.local_model import (
    FileDigest,
    ModelName,
    load_network,
    models_folder,
    run_network,
    unit_length,
)
from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name, RecordMap
from secure_ds.data.records import FloatArray, Records

Level = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class LocalImageEmbedding(RecordMap):
    """Embed a column of images, grey (height, width) or coloured (height, width, 3), with pixels 0 to 255.

    The model must not have been trained on the records that are to be mapped.

    Attributes:
        column: name of the column of images.
        model: name of the model, a folder with `model.onnx`.
        network: digest of `model.onnx`; it takes (1, channels, side, side) and its first output is (1, size).
        side: pixels along an edge of what the network takes; images are resized to it by linear interpolation.
        mean, deviation: one number per channel; the network sees (pixel / 255 - mean) / deviation. A grey image fills
            all channels alike.
        size: numbers per embedding.
    """

    map: Literal["local_image_embedding"] = "local_image_embedding"
    version: Literal[1] = 1
    column: Name
    model: ModelName
    network: FileDigest
    side: Side
    mean: Annotated[tuple[Level, ...], Field(min_length=1, max_length=3)]
    deviation: Annotated[tuple[Spread, ...], Field(min_length=1, max_length=3)]
    size: Annotated[int, Field(ge=1, le=MAX_WIDTH)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(self.mean) != len(self.deviation) or len(self.mean) == 2:
            raise ValueError("mean and deviation must have one number per channel, for one channel or three")
        return self

    @property
    def width(self) -> int:
        """The declared size."""
        return self.size

    def features(self, records: Records) -> FloatArray:
        """Return (n, size), each row of length 1.

        Raises:
            InvalidRecords: the column is absent, of another shape, or has a pixel outside 0 to 255.
            InvalidModel: the model's file is absent, another than declared, or does not make such embeddings.
            MissingDependency: the extra `embeddings` is not installed.
        """
        images = self._images(records)
        network = load_network(models_folder(), self.model, self.network)
        return np.stack([self._embedding(network, image) for image in images])

    def _images(self, records: Records) -> FloatArray:
        images = records.numeric(self.column)
        images = images[..., None] if images.ndim == 3 else images
        if images.ndim != 4 or images.shape[3] not in {1, len(self.mean)} or 0 in images.shape:
            raise InvalidRecords(f"column {self.column!r} must hold images of 1 or {len(self.mean)} channels")
        if images.min() < 0 or images.max() > WHITE:
            raise InvalidRecords(f"column {self.column!r}: pixels must lie between 0 and 255")
        return images

    def _embedding(self, network: Any, image: FloatArray) -> FloatArray:
        resized = resize(resize(image / WHITE, self.side, 0), self.side, 1)
        seen = ((resized - np.array(self.mean)) / np.array(self.deviation)).transpose(2, 0, 1)
        found = run_network(network, {network.get_inputs()[0].name: seen[None].astype(np.float32)})
        if found.shape != (1, self.size):
            raise InvalidModel(f"the network of {self.model!r} makes {found.shape}, not (1, {self.size})")
        return unit_length(found[0])


def resize(image: FloatArray, side: int, axis: int) -> FloatArray:
    """Return an array with `side` entries along an axis, interpolated linearly between the centres of pixels."""
    count = image.shape[axis]
    places = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
    below = np.minimum(places.astype(np.int64), max(count - 2, 0))
    share = np.expand_dims(places - below, tuple(other for other in range(image.ndim) if other != axis))
    above = np.minimum(below + 1, count - 1)
    resized: FloatArray = np.take(image, below, axis) * (1 - share) + np.take(image, above, axis) * share
    return resized
