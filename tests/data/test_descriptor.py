"""A descriptor has one spelling and agrees with itself; every contradiction is refused by name."""

import json
import tracemalloc

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.core.private_keys import public_point
from secure_ds.data.descriptor import MAX_RECORDS, DatasetDescriptor, parse_descriptor
from secure_ds.data.errors import InvalidDescriptor
from tests.data.descriptors import PARAMETERS, descriptor_json, digest

VALID = descriptor_json()


def parse(value):
    return parse_descriptor(rfc8785.dumps(value))


def test_round_trip_is_canonical():
    descriptor = parse(VALID)
    assert descriptor.canonical == rfc8785.dumps(VALID)
    assert parse_descriptor(descriptor.canonical) == descriptor
    assert descriptor.parameters == PARAMETERS


def test_golden_digest():
    assert parse(VALID).digest == "sha256:69b19e08392e54b1029f602327947399479f5f1afeb204007f71cb86ff94227c"


def test_derived_facts():
    descriptor = parse(VALID)
    assert (descriptor.n_blocks, descriptor.n_columns) == (2, 4)
    assert (descriptor.slack_column, list(descriptor.label_columns)) == (2, [3])
    assert (descriptor.scale, descriptor.tolerance) == (2.0**20, 2.0**-10)


def test_it_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse(VALID).n_records = 1


@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: text.replace(b'{"blocks"', b'{ "blocks"'),
        lambda text: text.replace(b'"n_records":5000', b'"n_records":1,"n_records":5000'),
        lambda text: text.replace(b'"tenant":"clinic"', b'"tenant":"cl\\u0069nic"'),
        lambda text: text.replace(b'"epsilon":1,', b'"epsilon":1.0,'),
        lambda text: text + b"\n",
    ],
)
def test_other_spellings_are_refused(spelling):
    text = rfc8785.dumps(VALID)
    assert spelling(text) != text
    with pytest.raises(InvalidDescriptor, match="canonical JSON"):
        parse_descriptor(spelling(text))


def limits(**changes):
    return {"limits": VALID["limits"] | changes}


def blocks(change):
    copy = json.loads(json.dumps(VALID["blocks"]))
    return {"blocks": change(copy)}


def with_first(**changes):
    return lambda entries: [entries[0] | changes, *entries[1:]]


def keys(change):
    return {"evaluation_keys": change(json.loads(json.dumps(VALID["evaluation_keys"])))}


RESULTS_KEY = public_point(ec.generate_private_key(ec.SECP256R1()))
UNDER_A_GROUP = {
    "sealed_key": None,
    "group": {"collaboration_id": "collab_" + 26 * "a", "statement_digest": digest(1)},
    "encryption": "public_key",
}

STATISTICS_BLOCKS = [VALID["blocks"][0], VALID["blocks"][2]]

BAD = {
    "format": ({"format": "secure-ds/dataset/1"}, "format"),
    "unknown field": ({"note": "x"}, "note"),
    "id": ({"dataset_id": "ds_" + "A" * 26}, "dataset_id"),
    "tenant": ({"tenant": "../x"}, "tenant"),
    "no records": ({"n_records": 0}, "n_records"),
    "too many records": ({"n_records": 2**24 + 1}, "n_records"),
    "boolean for a number": ({"n_records": True}, "n_records"),
    "text for a number": ({"n_records": "3000"}, "n_records"),
    "records without their blocks": ({"n_records": 9000}, "blocks must list 4 columns x 3 blocks"),
    "features unlike the map": ({"n_features": 3}, "n_features must be 2"),
    "epsilon zero": (limits(epsilon=0.0), "epsilon"),
    "epsilon text": (limits(epsilon="1"), "epsilon"),
    "delta one": (limits(delta=1.0), "delta"),
    "no purposes": (limits(purposes=[]), "purposes"),
    "unsorted purposes": (limits(purposes=["b", "a"]), "sorted and distinct"),
    "repeated purposes": (limits(purposes=["a", "a"]), "sorted and distinct"),
    "bad purpose": (limits(purposes=["Any purpose"]), "purposes"),
    "no decryptions": (limits(max_decryptions=0), "max_decryptions"),
    "unit": ({"unit": {"kind": "user", "records_per_person": 1}}, "unit"),
    "records per person": ({"unit": {"kind": "record", "records_per_person": 0}}, "records_per_person"),
    "parameters": ({"parameters": VALID["parameters"] | {"poly_modulus_degree": 2048}}, "parameters"),
    "insecure parameters": (
        {"parameters": VALID["parameters"] | {"primes": VALID["parameters"]["primes"] * 2}},
        "parameters",
    ),
    "scale spelling": ({"input_scale": "1048576.0"}, "float.hex"),
    "scale too small": ({"input_scale": (1.0).hex()}, "input_scale must be between"),
    "scale too large": ({"input_scale": (2.0**200).hex()}, "input_scale must be between"),
    "scale nan": ({"input_scale": "nan"}, "input_scale must be between"),
    "scale beyond floats": ({"input_scale": "0x1p+5000"}, "a float can hold"),
    "scale text": ({"input_scale": "x"}, "hexadecimal"),
    "missing block": (blocks(lambda b: b[:-1]), "once each, in order"),
    "repeated block": (blocks(lambda b: [*b, b[-1]]), "once each, in order"),
    "swapped blocks": (blocks(lambda b: [b[1], b[0], *b[2:]]), "once each, in order"),
    "wrong size": (blocks(with_first(bytes=5)), "every symmetric_seeded ciphertext has"),
    "same file twice": (blocks(with_first(digest=VALID["blocks"][1]["digest"])), "same file"),
    "digest": (blocks(with_first(digest=digest(1).upper())), "digest"),
    "missing key": (keys(lambda k: k[1:]), "evaluation_keys must be"),
    "key order": (keys(lambda k: k[::-1]), "evaluation_keys must be"),
    "key size": (keys(lambda k: [k[0] | {"bytes": 7}, *k[1:]]), "conjugation has"),
    "eta zero": ({"eta": (0.0).hex()}, "eta must be above 0"),
    "eta too large": ({"eta": (1.0).hex()}, "eta must be above 0"),
    "eta negative": ({"eta": (-(2.0**-10)).hex()}, "eta must be above 0"),
    "eta nan": ({"eta": "nan"}, "eta must be above 0"),
    "eta spelling": ({"eta": "0x1p-10"}, "float.hex"),
    "eta beyond floats": ({"eta": "0x1p+5000"}, "a float can hold"),
    "eta text": ({"eta": "x"}, "hexadecimal"),
    "upload key": ({"upload_key": "zz"}, "upload_key"),
    "statistics with keys": (
        {"content": "statistics", "blocks": VALID["blocks"][:2]},
        "blocks must list 2 columns x 1",
    ),
    "statistics in other parts": ({"content": "statistics", "evaluation_keys": []}, "blocks must list 2 columns x 1"),
    "statistics of a group": (
        UNDER_A_GROUP | {"content": "statistics", "evaluation_keys": [], "blocks": STATISTICS_BLOCKS},
        "the owner's secret key",
    ),
    "content": ({"content": "pictures"}, "content"),
    "results key": ({"results_key": "04" + 128 * "a"}, "point of P-256"),
    "results key of another form": ({"results_key": "02" + 64 * "a"}, "results_key"),
    "results key under a group": (UNDER_A_GROUP | {"results_key": RESULTS_KEY}, "no results without noise"),
}


@pytest.mark.parametrize("name", BAD)
def test_contradictions_are_refused(name):
    changes, message = BAD[name]
    with pytest.raises(InvalidDescriptor, match=message):
        parse(VALID | changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"format":NaN}'])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(InvalidDescriptor):
        parse_descriptor(data)


def test_an_absurd_number_of_blocks_costs_no_memory():
    columns = [{"name": f"x{index}", "low": 0, "high": 1} for index in range(255)]
    wide = {"feature_map": VALID["feature_map"] | {"columns": columns}, "n_features": 256}
    text = rfc8785.dumps(VALID | wide | {"n_records": MAX_RECORDS})
    tracemalloc.start()
    with pytest.raises(InvalidDescriptor, match="once each, in order"):
        parse_descriptor(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_a_message_never_repeats_the_input():
    with pytest.raises(InvalidDescriptor) as caught:
        parse(VALID | {"tenant": "<script>sentinel"})
    assert "sentinel" not in str(caught.value)


def test_the_model_can_be_made_in_code():
    descriptor = parse(VALID)
    fields = {name: getattr(descriptor, name) for name in DatasetDescriptor.model_fields}
    assert DatasetDescriptor(**fields) == descriptor
