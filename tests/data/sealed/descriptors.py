"""A complete, valid descriptor of a small sealed data set, to change one field at a time."""

from typing import Any

from tests.data.descriptors import digest

ORDERS = [2.0, 8.0, 32.0]
SCHEMA = {
    "kind": "table",
    "columns": [
        {"name": "age", "low": 0.0, "high": 100.0, "log1p": False, "missing": None},
        {"name": "sex", "values": ["f", "m"], "other": True},
    ],
    "label": {"column": "ill", "classes": ["no", "yes"]},
    "privacy_unit": {"kind": "user", "column": "who", "rows_per_unit": 3},
}


def sealed_descriptor_json(**changes: Any) -> dict[str, Any]:
    """Return the JSON of the descriptor, top-level fields replaced by `changes`."""
    return {
        "format": "secure-ds/sealed-dataset/1",
        "dataset_id": "ds_" + "a" * 26,
        "tenant": "clinic",
        "limits": {"epsilon": 4.0, "delta": 1e-5, "purposes": ["research"], "orders": ORDERS},
        "records": SCHEMA,
        "n_rows": 10,
        "n_units": 4,
        "parts": [
            {"digest": digest("part", 0), "bytes": 2000, "rows": 6},
            {"digest": digest("part", 1), "bytes": 1500, "rows": 4},
        ],
        "sealed_key": {"digest": digest("sealed"), "bytes": 113},
        "upload_key": "ab" * 32,
        "parent": None,
    } | changes
