"""The cipher in torch integers: RFC 8439's vectors, and OpenSSL as the oracle."""

import struct

import pytest
import torch
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.dp.noise.chacha20 import MAX_BLOCKS, chacha20_blocks

CPU = torch.device("cpu")

# RFC 8439, section 2.3.2 and appendix A.1 (test vectors 1 to 5): key, nonce, counter, first bytes of the block
VECTORS = [
    (
        bytes(range(32)),
        "000000090000004a00000000",
        1,
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e",
    ),
    (bytes(32), "00" * 12, 0, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"),
    (bytes(32), "00" * 12, 1, "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"),
    (bytes(31) + b"\x01", "00" * 12, 1, "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"),
    (b"\0\xff" + bytes(30), "00" * 12, 2, "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"),
    (bytes(32), "00" * 11 + "02", 0, "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"),
]


def stream(key: bytes, nonce: bytes, counter: int, count: int) -> bytes:
    return chacha20_blocks(key, nonce, counter, count, CPU).numpy().tobytes()


@pytest.mark.parametrize(("key", "nonce", "counter", "block"), VECTORS)
def test_published_blocks(key: bytes, nonce: str, counter: int, block: str) -> None:
    assert stream(key, bytes.fromhex(nonce), counter, 1).hex().startswith(block)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=12, max_size=12), st.integers(0, MAX_BLOCKS - 9))
def test_the_keystream_is_openssls(key: bytes, nonce: bytes, counter: int) -> None:
    cipher = Cipher(ChaCha20(key, struct.pack("<I", counter) + nonce), None).encryptor()
    assert stream(key, nonce, counter, 9) == cipher.update(bytes(9 * 64))


def test_the_last_block_is_reached_and_never_passed() -> None:
    assert len(stream(bytes(32), bytes(12), MAX_BLOCKS - 1, 1)) == 64
    with pytest.raises(ValueError, match="repeats"):
        stream(bytes(32), bytes(12), MAX_BLOCKS - 1, 2)
