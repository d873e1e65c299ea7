"""Accepted files are exactly SEAL's; every other is refused with the reason, and what is accepted loads in SEAL."""

import struct
import time

import pytest

from secure_ds.ckks.errors import MalformedCiphertext
from secure_ds.ckks.format import (
    check_ciphertext,
    check_galois_keys,
    check_relin_keys,
    ciphertext_bytes,
    galois_keys_bytes,
    relin_keys_bytes,
)
from secure_ds.ckks.memory_io import HEADER
from tests.simulators import seal_loader
from tests.simulators.mutants import MUTATORS, compression_bomb, mutants

ROUNDS = 30


def checker(ring, kind):
    parameters = ring.parameters
    return {
        "ciphertext": lambda data: check_ciphertext(data, parameters, parameters.top_level, ring.scale),
        "relin": lambda data: check_relin_keys(data, parameters),
        "galois": lambda data: check_galois_keys(data, parameters, ring.elements),
    }[kind]


def artefact(ring, kind):
    return {"ciphertext": ring.ciphertext, "relin": ring.relin_keys, "galois": ring.galois_keys}[kind]


def is_accepted(check, data):
    try:
        check(data)
    except MalformedCiphertext:
        return False
    return True


@pytest.fixture(params=["ciphertext", "relin", "galois"])
def kind(request):
    return request.param


def test_what_seal_writes_is_accepted(small_ring, kind):
    checker(small_ring, kind)(artefact(small_ring, kind))
    checker(small_ring, kind)(memoryview(artefact(small_ring, kind)))


def test_lengths_are_known_beforehand(small_ring):
    parameters = small_ring.parameters
    assert ciphertext_bytes(parameters, parameters.top_level) == len(small_ring.ciphertext)
    assert relin_keys_bytes(parameters) == len(small_ring.relin_keys)
    assert galois_keys_bytes(parameters, len(small_ring.elements)) == len(small_ring.galois_keys)


def test_golden_head_of_a_ciphertext(small_ring):
    """Version, order and width of every field before the residues, as SEAL 4.1.1 writes them."""
    parms_id = struct.pack("<4Q", *small_ring.parameters.parms_id(1)).hex()
    fields = ["01", "0200000000000000", "0010000000000000", "0200000000000000", "0000000000008041", "0100000000000000"]
    array = "5ea1100403000000" + "1800020000000000" + "0040000000000000"
    expected = "5ea1100403000000" + "7100020000000000" + parms_id + "".join(fields) + array
    assert small_ring.ciphertext[:113].hex() == expected


def test_mutants_are_refused_or_load_and_compute_in_seal(small_ring, kind):
    check, valid = checker(small_ring, kind), artefact(small_ring, kind)
    accepted = []
    for mutant in mutants(valid, seed=7, count=ROUNDS * len(MUTATORS)):
        if is_accepted(check, mutant.data):
            assert not mutant.must_refuse, mutant.kind
            accepted.append(mutant.data)
    assert len(accepted) >= ROUNDS  # residue changes at least: the second half of the test is not empty
    process = seal_loader.run(kind, small_ring.parameters, small_ring.ciphertext, accepted)
    assert process.returncode == 0, process.stderr[-500:]
    assert int(process.stdout) == len(accepted)


def test_the_loader_does_fail_on_what_the_check_refuses(small_ring):
    """The control of the test above: SEAL meets a refused file and the process does not end well."""
    refused = [m.data for m in mutants(small_ring.ciphertext, seed=7, count=len(MUTATORS)) if m.must_refuse]
    process = seal_loader.run("ciphertext", small_ring.parameters, small_ring.ciphertext, refused)
    assert process.returncode != 0


WORDS = {  # offset and struct code of every field of the head, with a wrong value and the reason it gives
    "magic": (0, "<H", 0xA15F),
    "header_size": (2, "<B", 17),
    "version": (4, "<B", 4),
    "compression": (5, "<B", 1),
    "reserved": (6, "<H", 1),
    "announced_size": (8, "<Q", 97),
    "parms_id": (16, "<Q", 0),
    "ntt_form": (48, "<B", 0),
    "polynomials": (49, "<Q", 3),
    "degree": (57, "<Q", 8192),
    "primes": (65, "<Q", 1),
    "scale": (73, "<d", 2.0**24),
    "correction_factor": (81, "<Q", 2),
    "array_entries": (105, "<Q", 1),
}


@pytest.mark.parametrize("reason", WORDS)
def test_each_field_is_refused_by_its_name(small_ring, reason):
    offset, code, wrong = WORDS[reason]
    data = bytearray(small_ring.ciphertext)
    struct.pack_into(code, data, offset, wrong)
    with pytest.raises(MalformedCiphertext, match="must be") as caught:
        checker(small_ring, "ciphertext")(bytes(data))
    assert caught.value.reason == reason


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0])
def test_no_other_scale_passes(small_ring, value):
    data = bytearray(small_ring.ciphertext)
    struct.pack_into("<d", data, 73, value)
    with pytest.raises(MalformedCiphertext, match="scale"):
        checker(small_ring, "ciphertext")(bytes(data))


@pytest.mark.parametrize("row", range(4))
def test_a_residue_at_its_prime_is_refused_in_every_row(small_ring, row):
    parameters, data = small_ring.parameters, bytearray(small_ring.ciphertext)
    offset = 113 + 8 * (row * 4096 + 17)
    prime = parameters.data_primes[row % 2]
    struct.pack_into("<Q", data, offset, prime - 1)
    checker(small_ring, "ciphertext")(bytes(data))
    struct.pack_into("<Q", data, offset, prime)
    with pytest.raises(MalformedCiphertext, match="below its prime"):
        checker(small_ring, "ciphertext")(bytes(data))


def test_a_transparent_ciphertext_is_refused(small_ring):
    half = (len(small_ring.ciphertext) - 113) // 2
    with pytest.raises(MalformedCiphertext, match="second polynomial is zero"):
        checker(small_ring, "ciphertext")(small_ring.ciphertext[:-half] + bytes(half))


def test_galois_keys_must_be_for_the_stated_elements(small_ring):
    for elements in ((3,), (3, 5), (3, 5, 4097)):
        with pytest.raises(MalformedCiphertext):
            check_galois_keys(small_ring.galois_keys, small_ring.parameters, elements)


def test_a_key_is_not_a_ciphertext_and_levels_do_not_pass_for_each_other(small_ring):
    parameters = small_ring.parameters
    with pytest.raises(MalformedCiphertext):
        check_relin_keys(small_ring.galois_keys, parameters)
    with pytest.raises(MalformedCiphertext):
        check_ciphertext(small_ring.ciphertext, parameters, 0, small_ring.scale)


def test_a_bomb_costs_nothing(small_ring):
    start = time.perf_counter()
    with pytest.raises(MalformedCiphertext, match="length"):
        checker(small_ring, "ciphertext")(compression_bomb(small_ring.ciphertext[: HEADER.size], None))
    assert time.perf_counter() - start < 1.0
