"""A statement has one spelling and agrees with itself, and a data set fits it in everything or not at all."""

import json
from typing import Any

import pytest
import rfc8785

from secure_ds.ckks.input_files import PUBLIC_KEY, input_file_bytes
from secure_ds.ckks.key_files import KEY_NAMES, key_file_bytes
from secure_ds.data.collaboration import Statement, parse_statement, parse_terms, require_fits
from secure_ds.data.descriptor import DatasetDescriptor, parse_descriptor
from secure_ds.data.errors import InvalidDescriptor, InvalidStatement
from tests.data.descriptors import PARAMETERS, descriptor_json, digest

OWN_KEY, OTHER_KEY = descriptor_json()["upload_key"], "b" * 64
MEMBERS = [{"tenant": "clinic", "upload_key": OWN_KEY}, {"tenant": "hospital", "upload_key": OTHER_KEY}]


def terms_json(**changes: Any) -> dict[str, Any]:
    described = descriptor_json()
    return {
        "name": "wards",
        "purposes": ["diagnosis", "research"],
        "members": MEMBERS,
        "feature_map": described["feature_map"],
        "classes": described["classes"],
        "parameters": PARAMETERS.to_json(),
        "input_scale": described["input_scale"],
        "eta": described["eta"],
        "max_records": 10_000,
        "max_decryptions": described["limits"]["max_decryptions"],
        "dual_evaluation_required": False,
    } | changes


def statement_json(**changes: Any) -> dict[str, Any]:
    return {
        "format": "secure-ds/collaboration/2",
        "collaboration_id": "collab_" + "a" * 26,
        "called_by": "clinic",
        "terms": terms_json(),
        "public_key": {"digest": digest("public"), "bytes": 1234},
        "evaluation_keys": [
            {"name": name, "digest": digest(name), "bytes": key_file_bytes(name, PARAMETERS)} for name in KEY_NAMES
        ],
    } | changes


def statement(**changes: Any) -> Statement:
    return parse_statement(rfc8785.dumps(statement_json(**changes)))


def of_group(group: Statement, /, **changes: Any) -> DatasetDescriptor:
    """A descriptor that keeps to the terms, but for the changes."""
    size = input_file_bytes(PARAMETERS, PUBLIC_KEY)
    blocks = [block | {"bytes": size} for block in descriptor_json()["blocks"]]
    kept = {
        "sealed_key": None,
        "group": group.reference.model_dump(),
        "encryption": PUBLIC_KEY,
        "blocks": blocks,
        "evaluation_keys": [key.model_dump() for key in group.evaluation_keys],
    }
    return parse_descriptor(rfc8785.dumps(descriptor_json(**kept | changes)))


def test_round_trip_is_canonical_and_one_digest() -> None:
    data = rfc8785.dumps(statement_json())
    assert parse_statement(data).canonical == data
    assert parse_statement(data).digest != statement(called_by="hospital").digest
    with pytest.raises(InvalidStatement, match="canonical"):
        parse_statement(json.dumps(statement_json(), indent=1).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"called_by": "bank"},
        {"collaboration_id": "ds_" + "a" * 26},
        {"evaluation_keys": []},
        {"terms": terms_json(members=MEMBERS[::-1])},
        {"terms": terms_json(members=MEMBERS[:1])},
        {"terms": terms_json(members=MEMBERS[:1] * 2)},
        {"terms": terms_json(members=[MEMBERS[0], MEMBERS[0] | {"tenant": "hospital"}])},
        {"terms": terms_json(purposes=[])},
        {"terms": terms_json(max_decryptions=0)},
        {"terms": terms_json(surprise=1)},
        {"format": "secure-ds/collaboration/1"},
    ],
    ids=str,
)
def test_contradictions_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatement):
        statement(**changes)


def test_terms_say_what_is_wrong_with_them() -> None:
    terms = parse_terms(terms_json())
    assert terms.tenants == ("clinic", "hospital")
    assert [terms.upload_key_of(tenant) for tenant in ("clinic", "hospital", "bank")] == [OWN_KEY, OTHER_KEY, None]
    with pytest.raises(InvalidStatement, match="max_records"):
        parse_terms(terms_json(max_records=0))


def test_a_data_set_that_keeps_to_the_terms_fits() -> None:
    require_fits(statement(), of_group(statement()))
    fewer = {"epsilon": 0.5, "delta": 1e-6, "purposes": ["research"], "max_decryptions": 32}
    require_fits(statement(), of_group(statement(), limits=descriptor_json()["limits"] | fewer))


@pytest.mark.parametrize(
    ("named", "changes"),
    [
        ("tenant", {"tenant": "bank"}),
        ("upload_key", {"upload_key": OTHER_KEY}),
        ("upload_key", {"tenant": "hospital"}),
        ("purposes", {"limits": descriptor_json()["limits"] | {"purposes": ["marketing"]}}),
        ("max_decryptions", {"limits": descriptor_json()["limits"] | {"max_decryptions": 31}}),
        ("classes", {"classes": ["yes", "no"]}),
        ("eta", {"eta": (2.0**-9).hex()}),
        ("input_scale", {"input_scale": (2.0**21).hex()}),
    ],
)
def test_every_departure_from_the_terms_is_named(named: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatement, match=named):
        require_fits(statement(), of_group(statement(), **changes))


def test_dual_evaluation_is_demanded_by_all_where_the_terms_do_and_else_by_whoever_wants_it() -> None:
    demands = {"limits": descriptor_json()["limits"] | {"dual_evaluation_required": True}}
    strict = statement(terms=terms_json(dual_evaluation_required=True))
    require_fits(strict, of_group(strict, **demands))
    require_fits(statement(), of_group(statement(), **demands))
    with pytest.raises(InvalidStatement, match="dual_evaluation_required"):
        require_fits(strict, of_group(strict))


def test_another_groups_statement_or_keys_do_not_fit() -> None:
    other = statement(collaboration_id="collab_" + "b" * 26)
    with pytest.raises(InvalidStatement, match="group"):
        require_fits(statement(), of_group(other))
    foreign = [key.model_dump() | {"digest": digest("foreign", key.name)} for key in statement().evaluation_keys]
    with pytest.raises(InvalidStatement, match="evaluation_keys"):
        require_fits(statement(), of_group(statement(), evaluation_keys=foreign))
    with pytest.raises(InvalidStatement, match="max_records"):
        require_fits(few := statement(terms=terms_json(max_records=100)), of_group(few))


@pytest.mark.parametrize(
    "changes",
    [
        {"group": None},
        {"sealed_key": {"digest": digest("sealed"), "bytes": 1111}},
        {"encryption": "symmetric_seeded", "blocks": descriptor_json()["blocks"]},
    ],
    ids=["neither", "both", "secret key encryption"],
)
def test_a_descriptor_has_a_key_of_its_own_or_a_group_and_encrypts_accordingly(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDescriptor):
        of_group(statement(), **changes)
