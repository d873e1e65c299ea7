"""Schemas declared in the repository, by name: tables take bounds and categories from the declared feature maps."""

from collections.abc import Callable
from typing import Final

from secure_ds.data.declared import declared_feature_map
from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.feature_maps.declared_table import Categories, DeclaredTable
from secure_ds.data.sealed.schema import Column, ImageSchema, Label, Numeric, Schema, TableSchema, TokenSchema

_DIGITS: Final = tuple("0123456789")


def declared_schema_names() -> list[str]:
    """Return the names of all declared schemas."""
    return sorted(_DECLARED)


def declared_schema(name: str) -> Schema:
    """Return a declared schema.

    Raises:
        InvalidDescriptor: there is none of that name.
    """
    if name not in _DECLARED:
        raise InvalidDescriptor(f"no declared schema {name!r}; there are: {', '.join(declared_schema_names())}")
    return _DECLARED[name]()


def _adult() -> TableSchema:
    return _table("adult", Label(column="income", classes=("<=50K", ">50K")))


def _breast_cancer() -> TableSchema:
    return _table("breast_cancer", Label(column="benign", classes=("0", "1")))


def _digits() -> ImageSchema:
    """scikit-learn's digits, grey levels 0 to 16."""
    return ImageSchema(column="image", channels=1, height=8, width=8, label=Label(column="digit", classes=_DIGITS))


def _mnist() -> ImageSchema:
    return ImageSchema(column="image", channels=1, height=28, width=28, label=Label(column="digit", classes=_DIGITS))


def _text() -> TokenSchema:
    return TokenSchema(column="text", context=128)


def _table(feature_map: str, label: Label) -> TableSchema:
    declared = declared_feature_map(feature_map)
    if not isinstance(declared, DeclaredTable):
        raise TypeError(f"{feature_map} declares no columns")
    columns: list[Column] = [
        column if isinstance(column, Categories) else Numeric(**column.model_dump()) for column in declared.columns
    ]
    return TableSchema(columns=tuple(columns), label=label)


_DECLARED: Final[dict[str, Callable[[], Schema]]] = {
    "adult": _adult,
    "breast_cancer": _breast_cancer,
    "digits": _digits,
    "mnist": _mnist,
    "text": _text,
}
