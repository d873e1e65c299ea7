"""Ciphertexts that are well-formed somewhere, and not where they are sent: what a hostile owner or worker would try.

Each takes an honest file and returns another; those that need SEAL make a true ciphertext of the other place with it.
"""

import random
import struct
from collections.abc import Callable

import numpy as np
import zstandard
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.format import place_of, residues
from secure_ds.ckks.memory_io import load, save
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.writing import ciphertext_file
from tests.simulators.mutants import (
    HEADER_BYTES,
    compression_bomb,
    generator_replaced,
    seed_moved,
    seed_truncated,
)

NTT_AT, SCALE_AT = 48, 73

Misplaced = Callable[[bytes, Parameters], bytes]


def loaded(data: bytes, parameters: Parameters) -> sealapi.Ciphertext:
    """Return an honest file as SEAL's object."""
    ciphertext = sealapi.Ciphertext()
    load(ciphertext, seal_context(parameters), data)
    return ciphertext


def wrong_level(data: bytes, parameters: Parameters) -> bytes:
    """One prime fewer, as SEAL switches down; at the last level one more, by repeating the residues."""
    full = expanded(data, parameters)
    level, scale = place_of(full)
    words, other = residues(full, parameters, level), level - 1 if level else 1
    moved = words[:, :-1] if level else np.concatenate([words, words], axis=1)
    return ciphertext_file(moved, parameters.parms_id(other), scale)


def wrong_scale(data: bytes, _: Parameters) -> bytes:
    """Twice the scale: half the values."""
    (scale,) = struct.unpack_from("<d", data, SCALE_AT)
    return data[:SCALE_AT] + struct.pack("<d", 2 * scale) + data[SCALE_AT + 8 :]


def wrong_parameters(data: bytes, parameters: Parameters) -> bytes:
    """The identifier of another chain over the same ring."""
    other = Parameters.from_bits(parameters.poly_modulus_degree, (30, 30, 30))
    return data[:16] + struct.pack("<4Q", *other.parms_id(0)) + data[48:]


def three_polynomials(data: bytes, parameters: Parameters) -> bytes:
    """Like a product that was never relinearised."""
    full = expanded(data, parameters)
    level, scale = place_of(full)
    first, second = residues(full, parameters, level)
    return ciphertext_file(np.stack([first, second, second]), parameters.parms_id(level), scale)


def ntt_form_off(data: bytes, _: Parameters) -> bytes:
    """Coefficients in place of evaluations, by its own word."""
    return data[:NTT_AT] + b"\0" + data[NTT_AT + 1 :]


def truncated_zstd(data: bytes, _: Parameters) -> bytes:
    """The same file compressed, as SEAL writes it by default, with its tail cut off."""
    stream = zstandard.compress(data[HEADER_BYTES:])[:-100]
    header = data[:5] + b"\2" + data[6:8] + struct.pack("<Q", HEADER_BYTES + len(stream))
    return header + stream


def bomb(data: bytes, _: Parameters) -> bytes:
    """A short zstd stream that expands to 64 MiB."""
    return compression_bomb(data, random.Random(0))


def moved_seed(data: bytes, _: Parameters) -> bytes:
    """The seed among the residues."""
    return seed_moved(data, random.Random(1))


def foreign_generator(data: bytes, _: Parameters) -> bytes:
    """A generator that SEAL does not use by default."""
    return generator_replaced(data, random.Random(2))


def truncated_seed(data: bytes, _: Parameters) -> bytes:
    """A seed that is shorter than it says."""
    return seed_truncated(data, random.Random(3))


def expanded(data: bytes, parameters: Parameters) -> bytes:
    """Both polynomials where a seed is expected."""
    return save(loaded(data, parameters))


EVERYWHERE: tuple[Misplaced, ...] = (
    wrong_level,
    wrong_scale,
    wrong_parameters,
    three_polynomials,
    ntt_form_off,
    truncated_zstd,
    bomb,
)
SEEDED: tuple[Misplaced, ...] = (moved_seed, foreign_generator, truncated_seed, expanded)
