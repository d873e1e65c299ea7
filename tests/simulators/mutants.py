"""Broken and hostile variants of SEAL files, for every test that sends bytes to someone.

A mutant names its kind. `must_refuse` says that no correct checker accepts it; of the others (a residue changed to
another value below its prime, say) a checker cannot know, and loading them must be harmless.
"""

import random
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import zstandard

HEADER_BYTES = 16
METADATA_END = 113
SEED_INFO_BYTES = 81  # header, generator, seed: the tail of a seeded ciphertext


class Mutant(NamedTuple):
    """One variant of an artefact."""

    kind: str
    data: bytes
    must_refuse: bool


def mutants(data: bytes, seed: int, count: int) -> Iterator[Mutant]:
    """Yield `count` variants of a valid SEAL file, the kinds in turn; equal seeds give equal mutants."""
    rng = random.Random(seed)
    for index in range(count):
        make, must_refuse = MUTATORS[index % len(MUTATORS)]
        mutant = make(data, rng)
        yield Mutant(make.__name__, mutant, must_refuse and mutant != data)


def seeded_mutants(data: bytes, seed: int, count: int) -> Iterator[Mutant]:
    """The same for a seeded ciphertext, with mutators of its own added."""
    rng = random.Random(seed)
    for index in range(count):
        make, must_refuse = SEEDED_MUTATORS[index % len(SEEDED_MUTATORS)]
        mutant = make(data, rng)
        yield Mutant(make.__name__, mutant, must_refuse and mutant != data)


def header_bit_flipped(data: bytes, rng: random.Random) -> bytes:
    """Flip one bit of the file header."""
    return _flip(data, rng.randrange(HEADER_BYTES * 8))


def metadata_bit_flipped(data: bytes, rng: random.Random) -> bytes:
    """Flip one bit between the header and the first residue."""
    return _flip(data, rng.randrange(HEADER_BYTES * 8, METADATA_END * 8))


def metadata_word_replaced(data: bytes, rng: random.Random) -> bytes:
    """Replace eight bytes of header or metadata by a number that breaks naive arithmetic."""
    word = struct.pack("<Q", rng.choice([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 2**64 - 8]))
    start = rng.randrange(METADATA_END - 8)
    return data[:start] + word + data[start + 8 :]


def truncated(data: bytes, rng: random.Random) -> bytes:
    """Cut the tail."""
    return data[: rng.randrange(len(data))]


def extended(data: bytes, rng: random.Random) -> bytes:
    """Append bytes."""
    return data + rng.randbytes(rng.randrange(1, 64))


def truncated_consistently(data: bytes, rng: random.Random) -> bytes:
    """Cut the tail and announce the new length."""
    return _announce(data[: rng.randrange(HEADER_BYTES, len(data))])


def residue_overflowing(data: bytes, rng: random.Random) -> bytes:
    """Set the top bit of a ciphertext's first residue, which no prime reaches; of a key file, one of a count."""
    return data[: METADATA_END + 7] + bytes([data[METADATA_END + 7] | 0x80]) + data[METADATA_END + 8 :]


def compressed(data: bytes, rng: random.Random) -> bytes:
    """The same content as a zstd file, which SEAL itself would accept."""
    return _announce(_with_compression(data[:HEADER_BYTES], 2) + zstandard.compress(data[HEADER_BYTES:]))


def compression_bomb(data: bytes, rng: random.Random) -> bytes:
    """A short zstd stream of 64 MiB of zeros behind a valid header."""
    return _announce(_with_compression(data[:HEADER_BYTES], 2) + zstandard.compress(bytes(2**26)))


def random_bytes(data: bytes, rng: random.Random) -> bytes:
    """Noise of some length."""
    return rng.randbytes(rng.randrange(4096))


def noise_behind_header(data: bytes, rng: random.Random) -> bytes:
    """A valid header, then noise of the right length."""
    return data[:HEADER_BYTES] + rng.randbytes(min(len(data), 2**16)) + data[HEADER_BYTES + 2**16 :]


def spliced(data: bytes, rng: random.Random) -> bytes:
    """Copy one stretch of the file over another."""
    length = rng.randrange(1, min(4096, len(data)))
    source, target = rng.randrange(len(data) - length), rng.randrange(len(data) - length)
    return data[:target] + data[source : source + length] + data[target + length :]


def residue_bit_flipped(data: bytes, rng: random.Random) -> bytes:
    """Flip one bit somewhere behind the metadata."""
    return _flip(data, rng.randrange(METADATA_END * 8, len(data) * 8))


def residue_changed(data: bytes, rng: random.Random) -> bytes:
    """Clear the last residue: still valid."""
    return data[:-8] + bytes(8)


def seed_moved(data: bytes, rng: random.Random) -> bytes:
    """Move the seed with its header to somewhere among the residues."""
    body, info = data[:-SEED_INFO_BYTES], data[-SEED_INFO_BYTES:]
    place = rng.randrange(METADATA_END, len(body))
    return body[:place] + info + body[place:]


def seed_truncated(data: bytes, rng: random.Random) -> bytes:
    """Cut part of the seed, and announce the new lengths of file and seed."""
    missing = rng.randrange(1, 65)
    info = len(data) - SEED_INFO_BYTES
    shorter = data[: info + 8] + struct.pack("<Q", SEED_INFO_BYTES - missing) + data[info + 16 : len(data) - missing]
    return _announce(shorter)


def generator_replaced(data: bytes, rng: random.Random) -> bytes:
    """Name another generator: SHAKE-256 (2), a custom one (0), or none that exists."""
    place = len(data) - SEED_INFO_BYTES + HEADER_BYTES
    return data[:place] + bytes([rng.choice([0, 2, 3, 255])]) + data[place + 1 :]


def seed_without_its_header(data: bytes, rng: random.Random) -> bytes:
    """Drop the header of the seed; announce the new length."""
    info = len(data) - SEED_INFO_BYTES
    return _announce(data[:info] + data[info + HEADER_BYTES :])


def seed_changed(data: bytes, rng: random.Random) -> bytes:
    """Another seed: still valid, and another ciphertext."""
    return data[:-64] + rng.randbytes(64)


Mutator = Callable[[bytes, random.Random], bytes]
MUTATORS: tuple[tuple[Mutator, bool], ...] = (
    (header_bit_flipped, True),
    (metadata_bit_flipped, True),
    (metadata_word_replaced, True),
    (truncated, True),
    (extended, True),
    (truncated_consistently, True),
    (residue_overflowing, True),
    (compressed, True),
    (compression_bomb, True),
    (random_bytes, True),
    (noise_behind_header, True),
    (spliced, False),
    (residue_bit_flipped, False),
    (residue_changed, False),
)

SEEDED_MUTATORS: tuple[tuple[Mutator, bool], ...] = (
    *MUTATORS,
    (seed_moved, True),
    (seed_truncated, True),
    (generator_replaced, True),
    (seed_without_its_header, True),
    (seed_changed, False),
)


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _with_compression(header: bytes, mode: int) -> bytes:
    return header[:5] + bytes([mode]) + header[6:]


def _announce(data: bytes) -> bytes:
    return data[:8] + struct.pack("<Q", len(data)) + data[HEADER_BYTES:]
