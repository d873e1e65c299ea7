"""Feature maps declared in the repository, by name; their bounds come from public knowledge, never from records."""

from importlib import resources

from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.feature_maps import FeatureMap, parse_feature_map


def declared_names() -> list[str]:
    """Return the names of all declared feature maps."""
    entries = resources.files(__name__).iterdir()
    return sorted(entry.name.removesuffix(".json") for entry in entries if entry.name.endswith(".json"))


def declared_feature_map(name: str) -> FeatureMap:
    """Return a declared feature map.

    Raises:
        InvalidDescriptor: there is none of that name.
    """
    if name not in declared_names():
        raise InvalidDescriptor(f"no declared feature map {name!r}; there are: {', '.join(declared_names())}")
    return parse_feature_map(resources.files(__name__).joinpath(f"{name}.json").read_bytes())
