"""Schemas and records that fit them, drawn by hypothesis or made from a seed; and containers of them in memory."""

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import rfc8785
from hypothesis import strategies as st

from secure_ds.data.records import Records
from secure_ds.data.sealed.container import ContainerWriter
from secure_ds.data.sealed.descriptor import Part, SealedDescriptor, parse_sealed_descriptor
from secure_ds.data.sealed.schema import ImageSchema, Schema, TableSchema, TokenSchema, UserUnit, parse_schema
from tests.data.sealed.descriptors import sealed_descriptor_json

DATASET = "ds_" + "a" * 26
KEY = bytes(range(32))


class Kept(io.BytesIO):
    """A file in memory whose content outlives its closing."""

    content = b""

    def close(self) -> None:
        self.content = self.content or self.getvalue()
        super().close()


@dataclass
class Container:
    """A container in memory; `read` serves its parts, and a test may change them."""

    descriptor: SealedDescriptor
    files: list[bytes]

    def read(self, part: Part) -> bytes:
        return self.files[self.descriptor.parts.index(part)]


def seal_records(
    schema: Schema,
    records: Records,
    *,
    part_rows: int | None = None,
    batch: int = 3,
    dataset_id: str = DATASET,
    key: bytes = KEY,
) -> Container:
    """Write records as a container, and describe it."""
    files: list[Kept] = []

    def create(_: int) -> BinaryIO:
        files.append(Kept())
        return files[-1]

    writer = ContainerWriter(schema, dataset_id, key, len(records), part_rows)
    parts = list(writer.write(records.batches(batch), create))
    descriptor = describe(schema, parts, writer.n_units, dataset_id=dataset_id)
    return Container(descriptor, [file.content for file in files])


def describe(schema: Schema, parts: list[Part], n_units: int, **changes: Any) -> SealedDescriptor:
    """A descriptor of these parts."""
    fields = {
        "records": schema.to_json(),
        "n_rows": sum(part.rows for part in parts),
        "n_units": n_units,
        "parts": [part.model_dump(mode="json") for part in parts],
    }
    return parse_sealed_descriptor(rfc8785.dumps(sealed_descriptor_json(**fields | changes)))


def example_schema(kind: str, *, users: bool = False) -> Schema:
    """A small schema of each kind."""
    fields: dict[str, Any] = {
        "table": {
            "columns": [
                {"name": "age", "low": 0.0, "high": 100.0},
                {"name": "sex", "values": ["f", "m"], "other": True},
                {"name": "ward", "values": ["a", "b", "c"]},
            ],
            "label": {"column": "ill", "classes": ["no", "yes"]},
        },
        "images": {
            "column": "image",
            "channels": 2,
            "height": 3,
            "width": 4,
            "label": {"column": "digit", "classes": ["0", "1", "2"]},
        },
        "tokens": {"column": "text", "context": 7},
    }
    unit = {"privacy_unit": {"kind": "user", "column": "who", "rows_per_unit": 3}} if users else {}
    return parse_schema(rfc8785.dumps({"kind": kind, **fields[kind], **unit}))


def example_records(schema: Schema, n: int, seed: int = 0) -> Records:
    """Records that fit a schema; every third row is of the same user."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    match schema:
        case TableSchema():
            for column in schema.columns:
                values = getattr(column, "values", None)
                columns[column.name] = (
                    random.uniform(-10, 110, n)
                    if values is None
                    else np.array(random.choice([*values, "strange"], n), dtype="U16")
                )
        case ImageSchema():
            columns[schema.column] = random.integers(0, 256, (n, *schema.shape), dtype=np.uint8)
        case TokenSchema(encoding="bytes"):
            columns[schema.column] = np.array(["".join(random.choice(list("abcé "), 9)) for _ in range(n)])
        case TokenSchema():
            columns[schema.column] = random.integers(0, schema.vocabulary, (n, schema.row_tokens))
    if not isinstance(schema, TokenSchema):
        columns[schema.label.column] = np.array(random.choice(list(schema.label.classes), n))
    if isinstance(schema.privacy_unit, UserUnit):
        users = np.arange(n) // schema.rows_per_unit
        columns[schema.privacy_unit.column] = np.array([f"user-{user}" for user in random.permutation(users)])
    return Records(columns)


_names = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=2, max_size=4, unique=True)


@st.composite
def _columns(draw: st.DrawFn) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            low = draw(st.integers(-50, 50))
            columns.append({"name": f"n{number}", "low": low, "high": low + draw(st.integers(1, 100))})
        else:
            columns.append({"name": f"c{number}", "values": draw(_names), "other": draw(st.booleans())})
    return columns


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Schemas of every kind, by record and by user."""
    kind = draw(st.sampled_from(["table", "images", "bytes", "integers"]))
    unit: dict[str, Any] = {"kind": "record"}
    if draw(st.booleans()):
        unit = {"kind": "user", "column": "who", "rows_per_unit": draw(st.integers(1, 4))}
    label = {"column": "label", "classes": draw(_names)}
    small = st.integers(1, 5)
    fields: dict[str, Any]
    match kind:
        case "table":
            fields = {"kind": "table", "columns": draw(_columns()), "label": label}
        case "images":
            shape = {"channels": draw(small), "height": draw(small), "width": draw(small)}
            fields = {"kind": "images", "column": "image", "label": label, **shape}
        case "bytes":
            fields = {"kind": "tokens", "column": "text", "context": draw(small)}
        case _:
            vocabulary = draw(st.sampled_from([2, 300, 2**16, 2**16 + 1]))
            fields = {"kind": "tokens", "column": "text", "encoding": "integers", "context": draw(small)}
            fields |= {"vocabulary": vocabulary}
    return parse_schema(rfc8785.dumps(fields | {"privacy_unit": unit}))
