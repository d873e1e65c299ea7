"""The maps that start from a record itself. Add a map here: one module with a frozen `RecordMap`, one name below."""

from typing import Annotated

from pydantic import Field

from secure_ds.data.feature_maps.declared_table import DeclaredTable
from secure_ds.data.feature_maps.declared_vector import DeclaredVector
from secure_ds.data.feature_maps.local_image_embedding import LocalImageEmbedding
from secure_ds.data.feature_maps.local_text_embedding import LocalTextEmbedding
from secure_ds.data.feature_maps.mean_pool_images import MeanPoolImages
from secure_ds.data.feature_maps.orientation_histograms import OrientationHistograms

PlainMap = Annotated[
    DeclaredTable | DeclaredVector | LocalImageEmbedding | LocalTextEmbedding | MeanPoolImages | OrientationHistograms,
    Field(discriminator="map"),
]
