"""Both kinds of upload: what SEAL writes is accepted, everything else refused by name, and what is accepted loads."""

import random
import struct

import numpy as np
import pytest

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.errors import MalformedCiphertext
from secure_ds.ckks.input_files import PUBLIC_KEY, SYMMETRIC_SEEDED, check_input_file, input_file_bytes
from secure_ds.ckks.keys import generate_public_key
from secure_ds.ckks.slots import split
from tests.ckks.plaintexts import expanded
from tests.simulators import seal_loader
from tests.simulators.mutants import SEEDED_MUTATORS, compression_bomb, seeded_mutants

KINDS = (SYMMETRIC_SEEDED, PUBLIC_KEY)
SEED_INFO = 81


@pytest.fixture(scope="module")
def files(small_ring):
    keys = {
        SYMMETRIC_SEEDED: small_ring.secret_key,
        PUBLIC_KEY: generate_public_key(small_ring.parameters, small_ring.secret_key),
    }
    return {kind: encrypted(small_ring, key) for kind, key in keys.items()}


def encrypted(ring, key):
    (block,) = encrypt_columns(ring.parameters, key, ring.values[:, None], ring.scale, n_labels=0)
    return block.data


def refusal(ring, data, kind=SYMMETRIC_SEEDED):
    with pytest.raises(MalformedCiphertext) as caught:
        check_input_file(data, ring.parameters, ring.scale, kind)
    return caught.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_what_seal_writes_is_accepted_and_holds_the_values(small_ring, files, kind):
    check_input_file(files[kind], small_ring.parameters, small_ring.scale, kind)
    assert len(files[kind]) == input_file_bytes(small_ring.parameters, kind)
    slots = decrypt_slots(
        small_ring.parameters,
        small_ring.secret_key,
        expanded(small_ring.parameters, files[kind]),
        level=small_ring.parameters.top_level,
        scale=small_ring.scale,
    )
    assert np.abs(split(slots) - small_ring.values).max() < 1e-3


def test_a_seed_halves_the_file(small_ring):
    seeded, full = (input_file_bytes(small_ring.parameters, kind) for kind in KINDS)
    assert seeded == (full - 113) // 2 + 113 + SEED_INFO


def test_neither_kind_passes_for_the_other(small_ring, files):
    assert refusal(small_ring, files[PUBLIC_KEY], SYMMETRIC_SEEDED) == "length"
    assert refusal(small_ring, files[SYMMETRIC_SEEDED], PUBLIC_KEY) == "length"


def test_seeds_are_fresh(small_ring):
    assert len({encrypted(small_ring, small_ring.secret_key)[-64:] for _ in range(4)}) == 4


FIELDS = {  # offset from the start, or from the end; struct code, wrong value, reason
    "announced_size": (8, "<Q", 97),
    "parms_id": (16, "<Q", 0),
    "ntt_form": (48, "<B", 0),
    "polynomials": (49, "<Q", 3),
    "scale": (73, "<d", 2.0**24),
    "array_entries": (105, "<Q", 2 * 2 * 4096),  # as if both polynomials were there
    "residue": (113 + 8 * 4095, "<Q", 2**63),
    "magic": (-SEED_INFO, "<H", 0xA15F),
    "compression": (-SEED_INFO + 5, "<B", 2),
    "generator": (-SEED_INFO + 16, "<B", 2),  # SHAKE-256, which SEAL would expand too
}


@pytest.mark.parametrize("reason", FIELDS)
def test_each_field_of_a_seeded_file_is_refused_by_its_name(small_ring, reason):
    offset, code, wrong = FIELDS[reason]
    data = bytearray(small_ring.seeded)
    struct.pack_into(code, data, offset % len(data), wrong)
    assert refusal(small_ring, bytes(data)) == reason


def test_the_seed_s_own_header_must_announce_its_length(small_ring):
    data = bytearray(small_ring.seeded)
    struct.pack_into("<Q", data, len(data) - SEED_INFO + 8, SEED_INFO - 1)
    assert refusal(small_ring, bytes(data)) == "announced_size"


def test_a_bomb_is_refused_by_its_length(small_ring):
    assert refusal(small_ring, compression_bomb(small_ring.seeded, random.Random(0))) == "length"


def test_mutants_of_a_seeded_file_are_refused_or_load_and_compute_in_seal(small_ring):
    accepted = []
    for mutant in seeded_mutants(small_ring.seeded, seed=11, count=20 * len(SEEDED_MUTATORS)):
        try:
            check_input_file(mutant.data, small_ring.parameters, small_ring.scale, SYMMETRIC_SEEDED)
        except MalformedCiphertext:
            continue
        assert not mutant.must_refuse, mutant.kind
        accepted.append(mutant.data)
    assert len(accepted) >= 20  # other seeds at least
    process = seal_loader.run("ciphertext", small_ring.parameters, small_ring.ciphertext, accepted)
    assert process.returncode == 0, process.stderr[-500:]
    assert int(process.stdout) == len(accepted)
