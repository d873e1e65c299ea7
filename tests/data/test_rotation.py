"""A successor is its parent with another key, and nothing else."""

import json
from typing import Any

import pytest
import rfc8785

from secure_ds.ckks.input_files import PUBLIC_KEY, input_file_bytes
from secure_ds.data.descriptor import MAX_PRIOR_DECRYPTIONS, DatasetDescriptor, FileReference, parse_descriptor
from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.rotation import require_successor, successor
from tests.data.descriptors import N_RECORDS, PARAMETERS, descriptor_json, digest

CHILD_ID, GRANDCHILD_ID = "ds_" + "b" * 26, "ds_" + "c" * 26


def parent(**changes: Any) -> DatasetDescriptor:
    return parse_descriptor(rfc8785.dumps(descriptor_json(**changes)))


def child(of: DatasetDescriptor, dataset_id: str = CHILD_ID, more: int = 7) -> DatasetDescriptor:
    return successor(of, dataset_id=dataset_id, sealed_key=key(dataset_id), max_decryptions=more)


def key(name: str) -> FileReference:
    return FileReference(digest=digest("sealed", name), bytes=1111)


def test_it_has_the_parents_fields_and_names_the_parent() -> None:
    first = parent()
    second = child(first)
    same = DatasetDescriptor.model_fields.keys() - {"dataset_id", "sealed_key", "limits", "rotation"}
    assert all(getattr(second, name) == getattr(first, name) for name in same)
    assert second.limits.model_dump() == first.limits.model_dump() | {"max_decryptions": 7}
    assert second.rotation is not None
    assert (second.rotation.parent, second.rotation.parent_descriptor) == (first.dataset_id, first.digest)
    assert (second.files_of, second.prior_decryptions) == (first.dataset_id, 32)
    require_successor(second, first)


def test_a_line_keeps_its_first_files_and_adds_up_its_limits() -> None:
    third = child(child(parent()), GRANDCHILD_ID, more=5)
    assert (third.files_of, third.prior_decryptions) == (parent().dataset_id, 32 + 7)
    with pytest.raises(InvalidDescriptor, match="rotation"):
        require_successor(third, parent())


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("limits", {"epsilon": 2.0, "delta": 1e-5, "purposes": ["diagnosis", "research"], "max_decryptions": 7}),
        ("limits", {"epsilon": 1.0, "delta": 1e-5, "purposes": ["marketing"], "max_decryptions": 7}),
        ("eta", (2.0**-9).hex()),
        ("n_records", N_RECORDS - 1),
        ("classes", ["yes", "no"]),
        ("upload_key", "cd" * 32),
        ("unit", {"kind": "record", "records_per_person": 2}),
    ],
)
def test_another_difference_is_refused_by_name(field: str, change: object) -> None:
    fields = json.loads(child(parent()).canonical) | {field: change}
    fields["limits"].setdefault("dual_evaluation_required", False)
    with pytest.raises(InvalidDescriptor, match=field):
        require_successor(parse_descriptor(rfc8785.dumps(fields)), parent())


def test_another_block_is_refused() -> None:
    fields = json.loads(child(parent()).canonical)
    fields["blocks"][0]["digest"] = digest("another")
    with pytest.raises(InvalidDescriptor, match="blocks"):
        require_successor(parse_descriptor(rfc8785.dumps(fields)), parent())


def test_a_shared_key_is_not_rotated_by_one_owner() -> None:
    blocks = [entry | {"bytes": input_file_bytes(PARAMETERS, PUBLIC_KEY)} for entry in descriptor_json()["blocks"]]
    with pytest.raises(InvalidDescriptor, match="several owners"):
        child(parent(encryption=PUBLIC_KEY, blocks=blocks))


def test_a_line_ends() -> None:
    old = child(parent())
    fields = json.loads(old.canonical)
    fields["rotation"]["prior_decryptions"] = MAX_PRIOR_DECRYPTIONS
    with pytest.raises(InvalidDescriptor, match="encrypt the records anew"):
        child(parse_descriptor(rfc8785.dumps(fields)), GRANDCHILD_ID)
