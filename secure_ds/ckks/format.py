"""SEAL's binary files, checked byte for byte before SEAL sees them.

SEAL crashes on hostile files. Rules kept here:

1. An accepted file is exactly what SEAL 4 writes for that object, uncompressed: every header field, every size and
   every metadata word has the one value that the parameters allow, every residue is below its prime, nothing trails.
   What is left to the sender is residues alone, so loading it cannot fail. A ciphertext whose second polynomial is
   zero ("transparent": it hides nothing, and SEAL throws when it computes with one) is refused as well.
2. Compressed files are refused: they expand to something that was not checked. A seeded ciphertext is accepted in the
   one form that SEAL's own encryptor writes, where it is expected: its second polynomial is what SEAL's generator makes
   of 64 bytes, uniform residues below their primes whatever the bytes are.
3. Pure Python and NumPy, no SEAL: the process that faces the network uses this module.
4. Nothing is allocated from a length that a file states; the length of each file is known beforehand.

Layout (little-endian; SEAL 4 `Serialization`, `Ciphertext`, `KSwitchKeys`):

    file        header (16 bytes) + body
    header      magic a15e, header size, major, minor, compression, reserved, u64 total bytes
    ciphertext  parms_id (32), u8 NTT form, u64 polynomials, u64 N, u64 primes, f64 scale, u64 correction factor,
                then an array: header, u64 entries, u64 residues [polynomial, prime, coefficient]
    seeded      the same, but the array ends after the first polynomial and this follows: header, u8 generator (1,
                Blake2xb), 64 bytes of seed
    keys        parms_id (32), u64 slots, then per slot: u64 digits, and per digit a ciphertext file of key level
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from secure_ds.ckks.errors import MalformedCiphertext
from secure_ds.ckks.ntt import Residues
from secure_ds.ckks.parameters import Parameters

HEADER: Final = struct.Struct("<HBBBBHQ")
COMPRESSION_NONE: Final = 0
SEAL_MAGIC: Final = 0xA15E
SEAL_VERSION: Final = (4, 3)

ParmsId = tuple[int, int, int, int]
"""SEAL's identifier of a level, as four little-endian words."""

PARMS_ID: Final = struct.Struct("<4Q")
METADATA: Final = struct.Struct("<BQQQdQ")
COUNT: Final = struct.Struct("<Q")
_WORD_BYTES: Final = 8
_RESIDUES_OFFSET: Final = 2 * HEADER.size + PARMS_ID.size + METADATA.size + COUNT.size
KEY_SCALE: Final = 1.0
_BLAKE2XB: Final = 1  # seal::prng_type::blake2xb, the only generator an encryptor of SEAL uses by default
_SEED_BYTES: Final = 64
_SEED_INFO_BYTES: Final = HEADER.size + 1 + _SEED_BYTES
NO_CORRECTION: Final = 1  # used by BGV only
_FIELDS: Final = ("ntt_form", "polynomials", "degree", "primes", "scale", "correction_factor")


def ciphertext_bytes(parameters: Parameters, level: int, *, size: int = 2) -> int:
    """Return the exact length of a ciphertext of `size` polynomials at `level`."""
    return _ciphertext_shape(parameters, level, size).file_bytes


def seeded_ciphertext_bytes(parameters: Parameters, level: int) -> int:
    """Return the exact length of a seeded ciphertext at `level`: a little over half of one in full."""
    return _ciphertext_shape(parameters, level, size=2).seeded_file_bytes


def relin_keys_bytes(parameters: Parameters) -> int:
    """Return the exact length of a file of relinearisation keys."""
    return _keys_bytes(parameters, slots=1, present=1)


def galois_keys_bytes(parameters: Parameters, n_elements: int) -> int:
    """Return the exact length of a file of Galois keys for `n_elements` different elements."""
    return _keys_bytes(parameters, slots=parameters.poly_modulus_degree, present=n_elements)


def check_ciphertext(
    data: bytes | memoryview, parameters: Parameters, level: int, scale: float, *, size: int = 2
) -> None:
    """Accept exactly the well-formed ciphertexts at one place of a circuit.

    Args:
        data: the file.
        parameters: the ring and its primes.
        level: the level it must be at, 0 to `parameters.top_level`.
        scale: the exact scale it must state.
        size: the number of polynomials it must have.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    shape = _ciphertext_shape(parameters, level, size)
    reader = _Reader(data)
    reader.expect_total(shape.file_bytes)
    reader.expect_ciphertext(shape, parameters.parms_id(level), scale)


def check_seeded_ciphertext(data: bytes | memoryview, parameters: Parameters, level: int, scale: float) -> None:
    """Accept exactly the well-formed seeded ciphertexts (two polynomials, the second a seed) at one place of a circuit.

    Arguments as for `check_ciphertext`.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    shape, reader = _ciphertext_shape(parameters, level, size=2), _Reader(data)
    reader.expect_total(shape.seeded_file_bytes)
    reader.expect_seeded_ciphertext(shape, parameters.parms_id(level), scale)


def check_relin_keys(data: bytes | memoryview, parameters: Parameters) -> None:
    """Accept exactly the well-formed relinearisation keys (for the square of the secret) under `parameters`.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    _check_keys(data, parameters, present=[True])


def public_key_bytes(parameters: Parameters) -> int:
    """Return the exact length of a public encryption key."""
    return _key_shape(parameters).file_bytes


def check_public_key(data: bytes | memoryview, parameters: Parameters) -> None:
    """Accept exactly the well-formed public encryption keys under `parameters`.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    shape, reader = _key_shape(parameters), _Reader(data)
    reader.expect_total(shape.file_bytes)
    reader.expect_ciphertext(shape, parameters.key_parms_id, KEY_SCALE)


def check_galois_keys(data: bytes | memoryview, parameters: Parameters, elements: Sequence[int]) -> None:
    """Accept exactly the well-formed Galois keys for these elements (odd, 3 to 2N - 1) and no others.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    present = [False] * parameters.poly_modulus_degree
    for element in elements:
        present[(element - 1) // 2] = True
    _check_keys(data, parameters, present)


def residues(data: bytes | memoryview, parameters: Parameters, level: int, *, size: int = 2) -> Residues:
    """Return the (size, level + 1, N) residues, in SEAL's NTT order, of a ciphertext already accepted."""
    flat = np.frombuffer(data, dtype="<u8", offset=_RESIDUES_OFFSET)
    return flat.reshape(size, level + 1, parameters.poly_modulus_degree)


def place_of(data: bytes | memoryview) -> tuple[int, float]:
    """Return the level and the scale that a ciphertext already accepted states."""
    _, _, _, primes, scale, _ = METADATA.unpack_from(data, HEADER.size + PARMS_ID.size)
    return primes - 1, scale


def residues_offset() -> int:
    """Return where the residues of a ciphertext file begin."""
    return _RESIDUES_OFFSET


class _Shape(NamedTuple):
    """What a ciphertext consists of: `size` polynomials of `degree` coefficients modulo each of `primes`."""

    degree: int
    primes: tuple[int, ...]
    size: int

    def words(self, polynomials: int) -> int:
        return polynomials * len(self.primes) * self.degree

    def array_bytes(self, polynomials: int) -> int:
        return HEADER.size + COUNT.size + self.words(polynomials) * _WORD_BYTES

    @property
    def file_bytes(self) -> int:
        return HEADER.size + PARMS_ID.size + METADATA.size + self.array_bytes(self.size)

    @property
    def seeded_file_bytes(self) -> int:
        return HEADER.size + PARMS_ID.size + METADATA.size + self.array_bytes(1) + _SEED_INFO_BYTES


def _ciphertext_shape(parameters: Parameters, level: int, size: int) -> _Shape:
    return _Shape(parameters.poly_modulus_degree, parameters.data_primes[: level + 1], size)


class _Reader:
    """Walks a file once, front to back; every step names what it expects."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self._offset = 0

    def expect_total(self, expected: int) -> None:
        """Refuse a file of another length; after this no read can run past its end."""
        _require("length", self._view.nbytes, expected)

    def expect_header(self, total: int) -> None:
        """Read a SEAL header that announces `total` bytes, itself included."""
        magic, header_size, major, minor, compression, reserved, size = HEADER.unpack(self._take(HEADER.size))
        _require("magic", magic, SEAL_MAGIC)
        _require("header_size", header_size, HEADER.size)
        _require("version", (major, minor), SEAL_VERSION)
        _require("compression", compression, COMPRESSION_NONE)
        _require("reserved", reserved, 0)
        _require("announced_size", size, total)

    def expect_parms_id(self, expected: ParmsId) -> None:
        """Read the identifier of a level."""
        _require("parms_id", PARMS_ID.unpack(self._take(PARMS_ID.size)), expected)

    def expect_count(self, name: str, expected: int) -> None:
        """Read one 64-bit count."""
        _require(name, COUNT.unpack(self._take(COUNT.size))[0], expected)

    def expect_ciphertext(self, shape: _Shape, parms_id: ParmsId, scale: float) -> None:
        """Read one whole ciphertext file."""
        self._expect_metadata(shape.file_bytes, shape, parms_id, scale)
        if not self._largest_residues(shape, shape.size)[1:].any():
            raise MalformedCiphertext("transparent", "the second polynomial is zero; encrypt with a fresh random one")

    def expect_seeded_ciphertext(self, shape: _Shape, parms_id: ParmsId, scale: float) -> None:
        """Read one whole seeded ciphertext file."""
        self._expect_metadata(shape.seeded_file_bytes, shape, parms_id, scale)
        self._largest_residues(shape, polynomials=1)
        self.expect_header(_SEED_INFO_BYTES)
        _require("generator", self._take(1)[0], _BLAKE2XB)
        self._take(_SEED_BYTES)

    def _expect_metadata(self, total: int, shape: _Shape, parms_id: ParmsId, scale: float) -> None:
        self.expect_header(total)
        self.expect_parms_id(parms_id)
        found = METADATA.unpack(self._take(METADATA.size))
        expected = (1, shape.size, shape.degree, len(shape.primes), scale, NO_CORRECTION)
        for name, value, right in zip(_FIELDS, found, expected, strict=True):
            _require(name, value, right)

    def _largest_residues(self, shape: _Shape, polynomials: int) -> Residues:
        """Read the array of so many polynomials; return the largest residue of each, per prime."""
        self.expect_header(shape.array_bytes(polynomials))
        self.expect_count("array_entries", shape.words(polynomials))
        words = np.frombuffer(self._take(shape.words(polynomials) * _WORD_BYTES), dtype="<u8")
        largest: Residues = words.reshape(polynomials, len(shape.primes), shape.degree).max(axis=2)
        if (largest >= np.array(shape.primes, dtype=np.uint64)).any():
            raise MalformedCiphertext("residue", "a residue is not below its prime; every residue must be")
        return largest

    def _take(self, count: int) -> memoryview:
        self._offset += count
        return self._view[self._offset - count : self._offset]


def _check_keys(data: bytes | memoryview, parameters: Parameters, present: Sequence[bool]) -> None:
    key, digits = _key_shape(parameters), len(parameters.data_primes)
    total = _keys_bytes(parameters, len(present), sum(present))
    reader = _Reader(data)
    reader.expect_total(total)
    reader.expect_header(total)
    reader.expect_parms_id(parameters.key_parms_id)
    reader.expect_count("key_slots", len(present))
    for is_present in present:
        reader.expect_count("key_digits", digits if is_present else 0)
        for _ in range(digits if is_present else 0):
            reader.expect_ciphertext(key, parameters.key_parms_id, KEY_SCALE)


def _key_shape(parameters: Parameters) -> _Shape:
    return _Shape(parameters.poly_modulus_degree, parameters.primes, size=2)


def _keys_bytes(parameters: Parameters, slots: int, present: int) -> int:
    keys = present * len(parameters.data_primes) * _key_shape(parameters).file_bytes
    return HEADER.size + PARMS_ID.size + (1 + slots) * COUNT.size + keys


def _require(name: str, found: object, right: object) -> None:
    if found != right:  # NaN differs from everything, so a NaN scale is refused too
        raise MalformedCiphertext(name, f"{name} is {found}, must be {right}")
