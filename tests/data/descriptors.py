"""A complete, valid descriptor of a small data set, to change one field at a time."""

import hashlib
from typing import Any

from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, input_file_bytes
from secure_ds.ckks.key_files import KEY_NAMES, key_file_bytes
from secure_ds.ckks.parameters import Parameters

PARAMETERS = Parameters.from_bits(4096, (26, 25, 25, 27))
N_RECORDS = 5000  # two blocks of 4096 records
N_FEATURES = 2  # one column and the bias


def digest(*parts: object) -> str:
    """A digest that differs for different parts."""
    return "sha256:" + hashlib.sha256(repr(parts).encode()).hexdigest()


def descriptor_json(**changes: Any) -> dict[str, Any]:
    """Return the JSON of the descriptor, top-level fields replaced by `changes`."""
    size = input_file_bytes(PARAMETERS, SYMMETRIC_SEEDED)
    return {
        "format": "secure-ds/dataset/2",
        "dataset_id": "ds_" + "a" * 26,
        "tenant": "clinic",
        "unit": {"kind": "record", "records_per_person": 1},
        "limits": {
            "epsilon": 1.0,
            "delta": 1e-5,
            "purposes": ["diagnosis", "research"],
            "max_decryptions": 32,
            "dual_evaluation_required": False,
        },
        "content": "records",
        "n_records": N_RECORDS,
        "n_features": N_FEATURES,
        "feature_map": {
            "map": "declared_table",
            "version": 1,
            "about": "",
            "columns": [{"name": "age", "low": 0.0, "high": 100.0, "log1p": False}],
            "unit_ball": {"radius": 2.0, "bias": 1.0},
        },
        "classes": ["no", "yes"],
        "parameters": PARAMETERS.to_json(),
        "encryption": SYMMETRIC_SEEDED,
        "input_scale": (2.0**20).hex(),
        "eta": (2.0**-10).hex(),
        "upload_key": "ab" * 32,
        "sealed_key": {"digest": digest("sealed"), "bytes": 1111},
        "evaluation_keys": [
            {"name": name, "digest": digest(name), "bytes": key_file_bytes(name, PARAMETERS)} for name in KEY_NAMES
        ],
        "blocks": [
            {"column": column, "block": block, "digest": digest(column, block), "bytes": size}
            for column in range(N_FEATURES + 2)
            for block in range(2)
        ],
        "results_key": None,
        "rotation": None,
        "group": None,
    } | changes
