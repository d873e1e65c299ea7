"""Homomorphic arithmetic against exact integers: packing on ciphertexts, monomials, key chains, determinism."""

import numpy as np
import pytest

from secure_ds.ckks.engine import Engine
from secure_ds.ckks.packing import pack, positions
from secure_ds.ckks.profiles import FAST
from tests.ckks.circuits import encrypted, keyed
from tests.ckks.plaintexts import ciphertext_of, seal_decryption

PARAMETERS = FAST.parameters
DEGREE = PARAMETERS.poly_modulus_degree


def integers(seed: int) -> list[int]:
    return np.random.default_rng(seed).integers(-(2**30), 2**30, DEGREE).tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 13])
def test_packs_constant_coefficients_of_ciphertexts(count: int) -> None:
    ring = keyed()
    messages = [[value * 2**22 for value in integers(index)] for index in range(count)]
    files = [ciphertext_of(PARAMETERS, ring.secret_key, message, 1, 2.0**40) for message in messages]
    packed = ring.engine.save(pack(ring.engine, lambda index: ring.engine.load(files[index]), count))
    decrypted = seal_decryption(PARAMETERS, ring.secret_key, packed)
    for position, message in zip(positions(DEGREE, count), messages, strict=True):
        assert decrypted[position] == pytest.approx(DEGREE * message[0], abs=2**38)
    held = set(positions(DEGREE, count))
    assert max(abs(value) for index, value in enumerate(decrypted) if index not in held) < 2**38


@pytest.mark.parametrize("exponent", [0, 1, DEGREE // 8, DEGREE // 2, DEGREE - 1])
def test_shift_multiplies_by_exactly_a_monomial(exponent: int) -> None:
    ring, message = keyed(), integers(1)
    shifted = ring.engine.shift(ring.engine.load(ciphertext_of(PARAMETERS, ring.secret_key, message, 1, 1.0)), exponent)
    expected = [-value for value in message[DEGREE - exponent :]] + message[: DEGREE - exponent]
    assert seal_decryption(PARAMETERS, ring.secret_key, ring.engine.save(shifted)) == expected


@pytest.mark.parametrize("factor", [1, -3, 2**70, -(2**40) - 1])
def test_integer_products_and_sums_are_exact(factor: int) -> None:
    ring, message = keyed(), integers(2)
    value = ring.engine.load(ciphertext_of(PARAMETERS, ring.secret_key, message, 3, 8.0))
    product = ring.engine.multiply_integer(value, factor, 16.0)
    assert product.scale == 16.0
    assert seal_decryption(PARAMETERS, ring.secret_key, ring.engine.save(product)) == [
        factor * number for number in message
    ]
    shifted = ring.engine.save(ring.engine.add_constant(value, factor))
    assert seal_decryption(PARAMETERS, ring.secret_key, shifted) == [message[0] + factor, *message[1:]]


@pytest.mark.parametrize("level", [4, 3, 2, 1, 0])
def test_relinearises_at_every_level_with_the_key_of_its_chain(level: int) -> None:
    ring = keyed()
    small = [int(value) for value in np.random.default_rng(3).integers(-3, 4, DEGREE)]
    value = ring.engine.load(ciphertext_of(PARAMETERS, ring.secret_key, [2**10 * x for x in small], level, 2.0**10))
    result = ring.engine.relinearise(ring.engine.square(value, 2.0**20))
    assert ring.engine.level(result) == level
    assert result.size() == 2


def test_operands_are_never_changed() -> None:
    ring = keyed()
    value = ring.engine.load(ciphertext_of(PARAMETERS, ring.secret_key, integers(4), 1, 2.0**20))
    before = ring.engine.save(value)
    ring.engine.add(value, value)
    ring.engine.negate(value)
    ring.engine.multiply_integer(value, 5, 1.0)
    ring.engine.add_constant(value, 5)
    ring.engine.relinearise(ring.engine.square(value, 2.0**40))
    ring.engine.rescale(value, 1.0)
    ring.engine.drop_to(value, 0)
    ring.engine.shift(value, 3)
    ring.engine.conjugate(value)
    assert ring.engine.save(value) == before


def test_an_integer_that_vanishes_is_refused_as_transparent_by_seal() -> None:
    ring = keyed()
    (data,) = encrypted(ring, np.ones((4, 1))).values()
    with pytest.raises(RuntimeError, match="transparent"):
        ring.engine.multiply_integer(ring.engine.load(data), 0, 1.0)


def test_needs_every_evaluation_key() -> None:
    with pytest.raises(KeyError, match=r"conjugation|galois_tail"):
        Engine(PARAMETERS, {})
