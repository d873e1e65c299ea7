"""What the records of a sealed data set are: declared by their owner, public, never computed from the records.

Rules kept here:

1. A schema is a closed, frozen value; its JSON is part of the signed descriptor, and its digest of the seal.
2. Bounds, categories, classes, sizes and vocabulary are declared from public knowledge: a minimum or a list of
   categories taken from the records would let one record change what the others become.
3. A schema says whose data neighbours differ in: one row, or all rows of a user, of which at most so many count.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator

from secure_ds.core.digest import digest_json
from secure_ds.data.descriptor import MAX_CLASSES, Class
from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.feature_maps.declared_table import Bounds, Categories, Finite
from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name
from secure_ds.data.feature_maps.unit_ball import Declaration
from secure_ds.data.problems import first_problem
from secure_ds.data.records import FloatArray, Records

MAX_ROWS_PER_UNIT: Final = 4096
BYTES_VOCABULARY: Final = 256  # a text is its UTF-8 bytes
Shape = tuple[int, ...]


class RecordUnit(Declaration):
    """Neighbours differ in one row."""

    kind: Literal["record"] = "record"

    @property
    def rows_per_unit(self) -> int:
        """One."""
        return 1


class UserUnit(Declaration):
    """Neighbours differ in all rows of one user.

    Attributes:
        column: names the user of each row.
        rows_per_unit: most rows a user may have.
    """

    kind: Literal["user"] = "user"
    column: Name
    rows_per_unit: Annotated[int, Field(ge=1, le=MAX_ROWS_PER_UNIT)]


Unit = Annotated[RecordUnit | UserUnit, Field(discriminator="kind")]


class Label(Declaration):
    """The column to be learned, with its classes in the order of the labels 0, 1, ..."""

    column: Name
    classes: Annotated[tuple[Class, ...], Field(min_length=2, max_length=MAX_CLASSES)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed twice")
        return self


class Numeric(Bounds):
    """A column of numbers: clipped to [low, high], then moved to [0, 1].

    Attributes:
        missing: the number that stands for an empty cell; without one, empty cells are refused.
    """

    missing: Finite | None = None

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.missing is not None and not self.low <= self.missing <= self.high:
            raise ValueError(f"missing must be between low and high for {self.name!r}")
        return self

    def features(self, records: Records) -> FloatArray:
        """Return (n, 1) between 0 and 1. Raises `InvalidRecords`: a cell is no finite number."""
        if self.missing is not None:
            records = Records({self.name: _filled(records.column(self.name), self.missing)}, records.first_row)
        return (super().features(records) + 1.0) / 2.0


def _kind(column: Any) -> str:
    if isinstance(column, Mapping):
        return "categories" if "values" in column else "numeric"
    return "categories" if isinstance(column, Categories) else "numeric"


Column = Annotated[
    Annotated[Numeric, Tag("numeric")] | Annotated[Categories, Tag("categories")],
    Discriminator(_kind),
]


class _Schema(Declaration):
    """What every kind has. A subclass says the shape of one row's inputs.

    Attributes:
        privacy_unit: whose data neighbouring data sets differ in.
    """

    privacy_unit: Unit = RecordUnit()

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """Shape of one row of the opened inputs."""

    @property
    @abstractmethod
    def named(self) -> tuple[str, ...]:
        """Columns of the owner's file that are read, the label's and the user's apart."""

    @property
    def n_features(self) -> int:
        """Numbers, or tokens, of one row of inputs."""
        return math.prod(self.shape)

    @property
    def unit(self) -> Literal["record", "user"]:
        """Kind of the privacy unit."""
        return self.privacy_unit.kind

    @property
    def rows_per_unit(self) -> int:
        """Most rows of one unit."""
        return self.privacy_unit.rows_per_unit

    @cached_property
    def digest(self) -> str:
        """`sha256:` digest of the schema's canonical JSON."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value."""
        return self.model_dump(mode="json")

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        label = getattr(self, "label", None)
        names = [*self.named, *([label.column] if label else [])]
        if isinstance(self.privacy_unit, UserUnit):
            names.append(self.privacy_unit.column)
        if len(set(names)) != len(names):
            raise ValueError("a column is declared twice; inputs, label and user are different columns")
        return self


class TableSchema(_Schema):
    """A table: (n, width) float32 between 0 and 1, columns in their order, categories as one column each.

    An empty cell of a column of categories is a value that is not declared, and counts as `other` where there is one.
    """

    kind: Literal["table"] = "table"
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MAX_WIDTH)]
    label: Label

    @property
    def shape(self) -> Shape:
        """Shape of one row: (features,)."""
        return (sum(column.width for column in self.columns),)

    @property
    def named(self) -> tuple[str, ...]:
        """The declared columns."""
        return tuple(column.name for column in self.columns)

    @model_validator(mode="after")
    def _narrow_enough(self) -> Self:
        if self.shape[0] > MAX_WIDTH:
            raise ValueError(f"the columns make {self.shape[0]} features, more than {MAX_WIDTH}")
        return self


class ImageSchema(_Schema):
    """Images: (n, channels, height, width) uint8, channel first."""

    kind: Literal["images"] = "images"
    column: Name
    channels: Annotated[int, Field(ge=1, le=16)]
    height: Annotated[int, Field(ge=1, le=1024)]
    width: Annotated[int, Field(ge=1, le=1024)]
    label: Label

    @property
    def shape(self) -> Shape:
        """Shape of one image."""
        return self.channels, self.height, self.width

    @property
    def named(self) -> tuple[str, ...]:
        """The column of images."""
        return (self.column,)


class TokenSchema(_Schema):
    """Sequences of tokens: a row holds `context` + 1 of them, so inputs and targets are (n, context) each.

    `targets[i, t]` is the token that follows `inputs[i, t]`; both are uint16, or int32 where the vocabulary needs it.

    Attributes:
        encoding: "bytes": the column holds texts, tokenised by their UTF-8 bytes, cut or filled up with 0 to the
            length of a row; "integers": it holds `context` + 1 integers a row.
    """

    kind: Literal["tokens"] = "tokens"
    column: Name
    encoding: Literal["bytes", "integers"] = "bytes"
    context: Annotated[int, Field(ge=1, le=65536)]
    vocabulary: Annotated[int, Field(ge=2, le=2**24)] = BYTES_VOCABULARY

    @property
    def shape(self) -> Shape:
        """Shape of one row of inputs, and of targets: (context,)."""
        return (self.context,)

    @property
    def named(self) -> tuple[str, ...]:
        """The column of texts or tokens."""
        return (self.column,)

    @property
    def row_tokens(self) -> int:
        """Tokens stored for each row."""
        return self.context + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a token, little-endian."""
        return np.dtype("<u2" if self.vocabulary <= 2**16 else "<i4")

    @model_validator(mode="after")
    def _bytes_fit(self) -> Self:
        if self.encoding == "bytes" and self.vocabulary != BYTES_VOCABULARY:
            raise ValueError(f"a text tokenised by bytes has a vocabulary of {BYTES_VOCABULARY}")
        return self


Schema = TableSchema | ImageSchema | TokenSchema
DeclaredSchema = Annotated[Schema, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[Schema] = TypeAdapter(DeclaredSchema)


def parse_schema(specification: str | bytes) -> Schema:
    """Return the schema that a JSON text declares.

    Raises:
        InvalidDescriptor: it declares none; the message names the field.
    """
    try:
        return _ADAPTER.validate_json(specification)
    except ValidationError as error:
        raise InvalidDescriptor(first_problem(error, "schema")) from None


def _filled(column: np.ndarray[Any, Any], missing: float) -> np.ndarray[Any, Any]:
    """A copy in which empty cells, and NaN in a column of numbers, are `missing`."""
    if column.dtype.kind == "f":
        return np.where(np.isnan(column), missing, column)
    if column.dtype.kind in "biu":
        return column
    empty = np.char.strip(column) == ""
    return np.where(empty, repr(missing), column)
