"""Releases are exact integers modulo q, noise in before centring; nothing else of the plaintext gets out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.decryption import decrypt_released, decrypt_rounded, decrypt_slots
from secure_ds.ckks.errors import DecryptionFailed
from secure_ds.ckks.keys import generate_secret_key
from secure_ds.ckks.memory_io import load
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.seal_keys import seal_secret_key
from secure_ds.ckks.slots import split
from secure_ds.ckks.statistics_plan import ROUNDING_SLACK
from tests.ckks.plaintexts import ciphertext_of, seal_decryption
from tests.simulators.mutants import mutants

PARAMETERS = Parameters.from_bits(4096, (35, 35, 34))
SECRET = generate_secret_key(PARAMETERS)
SCALE = 2.0**20
INTEGERS = st.integers(-(2**90), 2**90)


def centred(value, modulus):
    residue = value % modulus
    return residue - modulus if 2 * residue > modulus else residue


def release(data, level, positions, noise):
    return decrypt_released(PARAMETERS, SECRET, data, level=level, scale=SCALE, positions=positions, noise=noise)


@settings(max_examples=25, deadline=None)
@given(
    level=st.sampled_from([0, 1]),
    log_stride=st.integers(2, 12),
    values=st.lists(st.tuples(INTEGERS, INTEGERS), min_size=1, max_size=20),
)
def test_a_release_is_message_plus_noise_modulo_q_then_centred(level, log_stride, values):
    stride = 1 << log_stride
    values = values[: 4096 // stride]
    positions = [stride * index for index in range(len(values))]
    coefficients = np.random.default_rng(0).integers(-(2**40), 2**40, 4096).tolist()
    for position, (message, _) in zip(positions, values, strict=True):
        coefficients[position] = message
    data = ciphertext_of(PARAMETERS, SECRET, coefficients, level, SCALE)
    modulus = PARAMETERS.modulus(level)
    expected = [centred(message + noise, modulus) for message, noise in values]
    assert release(data, level, positions, [noise for _, noise in values]) == expected


def test_it_agrees_with_seals_decryptor_to_the_last_bit(small_ring):
    parameters, secret_key = small_ring.parameters, small_ring.secret_key
    expected = seal_decryption(parameters, secret_key, small_ring.ciphertext)
    released = decrypt_released(
        parameters,
        secret_key,
        small_ring.ciphertext,
        level=parameters.top_level,
        scale=small_ring.scale,
        positions=range(4096),
        noise=[0] * 4096,
    )
    assert released == expected


def test_noise_beyond_the_modulus_wraps_with_the_message():
    modulus = PARAMETERS.modulus(0)
    data = ciphertext_of(PARAMETERS, SECRET, [modulus // 2] + [0] * 4095, 0, SCALE)
    assert release(data, 0, [0], [0]) == [modulus // 2]
    assert release(data, 0, [0], [1]) == [-(modulus // 2)]
    assert release(data, 0, [0], [5 * modulus]) == [modulus // 2]


def test_other_coefficients_do_not_influence_a_release():
    positions, noise = [0, 1024, 2048, 3072], [9, -9, 2**60, -(2**60)]
    quiet, loud = [0] * 4096, np.random.default_rng(5).integers(-(2**33), 2**33, 4096).tolist()
    for position in positions:
        quiet[position] = loud[position] = position
    answers = [
        release(ciphertext_of(PARAMETERS, SECRET, coefficients, 0, SCALE), 0, positions, noise)
        for coefficients in (quiet, loud)
    ]
    assert answers[0] == answers[1]


def test_slots_agree_with_seals_decoder(small_ring):
    parameters, context = small_ring.parameters, seal_context(small_ring.parameters)
    ciphertext, plaintext = sealapi.Ciphertext(), sealapi.Plaintext()
    load(ciphertext, context, small_ring.ciphertext)
    sealapi.Decryptor(context, seal_secret_key(parameters, small_ring.secret_key)).decrypt(ciphertext, plaintext)
    expected = sealapi.CKKSEncoder(context).decode_complex(plaintext)
    level = parameters.top_level
    slots = decrypt_slots(parameters, small_ring.secret_key, small_ring.ciphertext, level=level, scale=small_ring.scale)
    assert slots.shape == (parameters.slots,)
    assert np.abs(slots - np.array(expected)).max() < 1e-10
    assert np.abs(split(slots) - small_ring.values).max() < 1e-3


def test_failures_all_look_alike(small_ring):
    parameters, secret_key, level = small_ring.parameters, small_ring.secret_key, small_ring.parameters.top_level
    other_ring = generate_secret_key(Parameters.from_bits(8192, (40, 40, 40)))
    refused = [m.data for m in mutants(small_ring.ciphertext, seed=1, count=28) if m.must_refuse]
    attempts = [(secret_key, data, level, small_ring.scale) for data in refused]
    attempts += [
        (other_ring, small_ring.ciphertext, level, small_ring.scale),
        (secret_key, small_ring.ciphertext, 0, small_ring.scale),
        (secret_key, small_ring.ciphertext, level, small_ring.scale * 2),
    ]
    shown = set()
    for key, data, at, scale in attempts:
        with pytest.raises(DecryptionFailed) as caught:
            decrypt_released(parameters, key, data, level=at, scale=scale, positions=[0], noise=[0])
        assert caught.value.__cause__ is None
        shown.add(str(caught.value))
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("positions", "noise"), [([0, 0], [1, 1]), ([0], []), ([0], [1, 2]), ([-1], [0]), ([4096], [0])]
)
def test_positions_without_noise_are_a_mistake_of_the_caller(small_ring, positions, noise):
    with pytest.raises(ValueError, match="position"):
        release(small_ring.ciphertext, 1, positions, noise)


UNIT = Fraction(2**31 + 1, 3)
PERIOD = 2 * round(PARAMETERS.modulus(1) // 2 / UNIT) + 1


def rounded(messages, noise, steps=4):
    data = ciphertext_of(PARAMETERS, SECRET, messages + (4096 - len(messages)) * [0], 1, SCALE)
    places = {"level": 1, "scale": SCALE, "positions": list(range(len(messages)))}
    return decrypt_rounded(PARAMETERS, SECRET, data, **places, unit=UNIT, steps=steps, noise=noise)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**37), 2**37), st.floats(-0.49, 0.49), INTEGERS), min_size=1, max_size=20))
def test_rounding_removes_every_error_below_half_a_unit_before_the_noise(values):
    messages = [round(UNIT * (whole + Fraction(error))) for whole, error, _ in values]
    found = rounded(messages, [noise for _, _, noise in values])
    assert found == [centred(4 * whole + noise, 4 * PERIOD) for whole, _, noise in values]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(INTEGERS, st.integers(-(2**20), 2**20), st.floats(-0.99, 0.99)), min_size=1, max_size=20))
def test_whatever_else_is_in_a_sum_a_record_moves_it_by_its_share_but_for_the_slack(values):
    """Anything at all is in the sum, wrap-arounds included; a record of `share` units and the error change."""
    before = rounded([foreign for foreign, _, _ in values], len(values) * [0], steps=1)
    changed = [foreign + round(UNIT * (share + Fraction(error))) for foreign, share, error in values]
    after = rounded(changed, len(values) * [0], steps=1)
    for first, second, (_, share, _) in zip(before, after, values, strict=True):
        assert abs(centred(second - first - share, PERIOD)) < ROUNDING_SLACK
