"""Objects survive the round trip through memory, uncompressed, and nothing is left open."""

import os

import zstandard
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.format import HEADER
from secure_ds.ckks.memory_io import from_file, load, save, to_file, uncompressed


def test_a_ciphertext_survives_byte_for_byte(small_ring):
    ciphertext = sealapi.Ciphertext()
    load(ciphertext, seal_context(small_ring.parameters), small_ring.ciphertext)
    assert save(ciphertext) == small_ring.ciphertext


def test_views_are_accepted(small_ring):
    ciphertext = sealapi.Ciphertext()
    load(ciphertext, seal_context(small_ring.parameters), memoryview(small_ring.ciphertext))
    assert save(ciphertext) == small_ring.ciphertext


def test_a_memory_file_holds_the_same_and_ends_with_its_last_reference(small_ring):
    ciphertext, again = sealapi.Ciphertext(), sealapi.Ciphertext()
    context = seal_context(small_ring.parameters)
    load(ciphertext, context, small_ring.ciphertext)
    before = len(os.listdir("/proc/self/fd"))
    file = to_file(ciphertext)
    for _ in range(2):
        from_file(again, context, file)
        assert save(again) == small_ring.ciphertext
    del file
    assert len(os.listdir("/proc/self/fd")) == before


def test_uncompressed_golden_bytes():
    body = b"residues"
    small = HEADER.pack(0xA15E, 16, 4, 3, 2, 0, 99) + zstandard.compress(body)
    plain = bytes.fromhex("5ea11004030000001800000000000000") + body
    assert uncompressed(small) == plain
    assert uncompressed(plain) is plain


def test_no_descriptor_stays_open_and_no_file_is_made(small_ring, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        ciphertext = sealapi.Ciphertext()
        load(ciphertext, seal_context(small_ring.parameters), small_ring.ciphertext)
        save(ciphertext)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not list(tmp_path.iterdir())
