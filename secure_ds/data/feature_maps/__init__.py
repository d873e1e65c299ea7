"""Public feature maps: what may be done to a record before it is encrypted, at no cost in privacy.

Rules kept here:

1. A map is a function of *one record* and of constants declared in its specification. Nothing is fitted on the data:
   a minimum, a mean or a list of categories taken from the records would let one record change the features of others.
2. Every map ends in the unit ball, on a grid: a record becomes (features, bias) with norm at most 1, which is what the
   sensitivity of training rests on and what the upload check verifies under encryption.
3. The specification is public, versioned, and the same object runs at prediction; new behaviour is a new version.

A new map goes into `secure_ds/data/feature_maps/plain_maps.py`.
"""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.feature_maps.plain_maps import PlainMap
from secure_ds.data.feature_maps.random_fourier import RandomFourier

FeatureMap = Annotated[PlainMap | RandomFourier, Field(discriminator="map")]

_ADAPTER: TypeAdapter[FeatureMap] = TypeAdapter(FeatureMap)


def parse_feature_map(specification: str | bytes) -> FeatureMap:
    """Return the feature map that a JSON specification declares.

    Raises:
        InvalidDescriptor: it declares none, or one with constants out of range.
    """
    try:
        return _ADAPTER.validate_json(specification)
    except ValidationError as error:
        raise InvalidDescriptor(f"not a feature map: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from None


__all__ = ["FeatureMap", "parse_feature_map"]
