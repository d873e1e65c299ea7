"""The ChaCha20 block function (RFC 8439, section 2.3) in torch's 32-bit integers, all blocks at once, on any device.

Rules kept here: additions and shifts of int32 wrap, as the cipher wants; nothing branches on the key.

Axes: R 4 rows of the state, C its 4 columns, B blocks.
"""

from __future__ import annotations

import struct
from typing import Final

import torch

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
BLOCK_BYTES: Final = 64
MAX_BLOCKS: Final = 2**32  # of one nonce

_CONSTANTS: Final = struct.unpack("<4i", b"expand 32-byte k")
_DOUBLE_ROUNDS: Final = 10


def chacha20_blocks(key: bytes, nonce: bytes, counter: int, count: int, device: torch.device) -> torch.Tensor:
    """Return the keystream of blocks `counter` to `counter + count - 1`, (count, 16) int32, little-endian words.

    Args:
        key: 32 bytes.
        nonce: 12 bytes.
        counter: of the first block; the last one must be below 2^32.
        count: how many blocks.
        device: where to compute.

    Raises:
        ValueError: the counter would wrap, which repeats a keystream.
    """
    if not 0 <= counter <= MAX_BLOCKS - count:
        raise ValueError(f"blocks {counter} to {counter + count} pass 2^32, where the keystream repeats")
    counters_B = torch.arange(counter, counter + count, device=device).to(torch.int32)  # wraps modulo 2^32
    fixed = [*_CONSTANTS, *struct.unpack("<8i", key), 0, *struct.unpack("<3i", nonce)]
    start_RCB = torch.tensor(fixed, dtype=torch.int32, device=device).view(4, 4, 1).repeat(1, 1, count)
    start_RCB[3, 0] = counters_B
    return (start_RCB + _twenty_rounds(start_RCB)).view(16, count).t().contiguous()


def _twenty_rounds(state_RCB: torch.Tensor) -> torch.Tensor:
    a_CB, b_CB, c_CB, d_CB = (row.clone() for row in state_RCB)
    for _ in range(_DOUBLE_ROUNDS):
        a_CB, b_CB, c_CB, d_CB = _quarter_rounds(a_CB, b_CB, c_CB, d_CB)
        b_CB, c_CB, d_CB = b_CB.roll(-1, 0), c_CB.roll(-2, 0), d_CB.roll(-3, 0)  # diagonals become columns
        a_CB, b_CB, c_CB, d_CB = _quarter_rounds(a_CB, b_CB, c_CB, d_CB)
        b_CB, c_CB, d_CB = b_CB.roll(1, 0), c_CB.roll(2, 0), d_CB.roll(3, 0)
    return torch.stack((a_CB, b_CB, c_CB, d_CB))


def _quarter_rounds(
    a_CB: torch.Tensor, b_CB: torch.Tensor, c_CB: torch.Tensor, d_CB: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    a_CB = a_CB + b_CB
    d_CB = _rotated(d_CB ^ a_CB, 16)
    c_CB = c_CB + d_CB
    b_CB = _rotated(b_CB ^ c_CB, 12)
    a_CB = a_CB + b_CB
    d_CB = _rotated(d_CB ^ a_CB, 8)
    c_CB = c_CB + d_CB
    b_CB = _rotated(b_CB ^ c_CB, 7)
    return a_CB, b_CB, c_CB, d_CB


def _rotated(x: torch.Tensor, left: int) -> torch.Tensor:
    right = 32 - left
    return (x << left) | ((x >> right) & ((1 << left) - 1))  # the shift to the right copies the sign: masked away
