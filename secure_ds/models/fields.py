"""Reading and checking the fields of model configurations.

Rules: a configuration from JSON has exactly its family's keys; every size has a largest value, so that no request can
ask for a model that does not fit a machine; booleans are not numbers.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from secure_ds.models.errors import InvalidModelConfig

MAX_WIDTH: Final = 16_384
MAX_LAYERS: Final = 128
MAX_CLASSES: Final = 65_536


def exact_keys(value: Mapping[str, Any], required: Collection[str], optional: Collection[str] = ()) -> None:
    """Refuse a missing or unknown key.

    Raises:
        InvalidModelConfig: with the keys' names.
    """
    missing = sorted(set(required) - set(value))
    unknown = sorted(set(value) - set(required) - set(optional))
    if missing or unknown:
        raise InvalidModelConfig(f"a model configuration lacks {missing} and has unknown {unknown}; both must be empty")


def whole(name: str, value: object, least: int, most: int) -> None:
    """Refuse what is not a whole number from `least` to `most`.

    Raises:
        InvalidModelConfig: with the field's name and value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidModelConfig(f"{name} must be a whole number from {least} to {most}, got {value!r}")


def sizes(name: str, value: object, *, least_length: int = 0) -> None:
    """Refuse what is not a tuple of layer widths.

    Raises:
        InvalidModelConfig: with the field's name and value.
    """
    if not isinstance(value, tuple) or not least_length <= len(value) <= MAX_LAYERS:
        raise InvalidModelConfig(f"{name} must be a list of {least_length} to {MAX_LAYERS} widths, got {value!r}")
    for width in value:
        whole(name, width, 1, MAX_WIDTH)


def as_tuple(name: str, value: object) -> tuple[Any, ...]:
    """Return a JSON list as a tuple.

    Raises:
        InvalidModelConfig: it is not a list.
    """
    if not isinstance(value, list | tuple):
        raise InvalidModelConfig(f"{name} must be a list, got {value!r}")
    return tuple(value)


def family_and_task(value: Mapping[str, Any], family: str, task: str) -> None:
    """Refuse a configuration of another family or for another task.

    Raises:
        InvalidModelConfig: with what was found.
    """
    if value["family"] != family or value["task"] != task:
        raise InvalidModelConfig(
            f"family {family} is trained for task {task}, got family {value['family']!r}, task {value['task']!r}"
        )
