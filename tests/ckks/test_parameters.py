"""Parameters computed in pure Python against SEAL's own, and the rules of security."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tenseal import sealapi

from secure_ds.ckks.errors import InsecureParameters, InvalidParameters
from secure_ds.ckks.parameters import HE_STANDARD_2018_BITS, Parameters, create_primes, is_prime
from secure_ds.ckks.profiles import PROFILES, STRONG

BITS = [(8192, (43, 43, 42, 42, 44)), (16384, (60, 60, 40, 40, 60, 60)), (4096, (35, 35, 34)), (32768, (50,) * 12)]


@pytest.mark.parametrize(("degree", "bits"), BITS)
def test_primes_are_those_of_seal_in_its_order(degree: int, bits: tuple[int, ...]) -> None:
    expected = [modulus.value() for modulus in sealapi.CoeffModulus.Create(degree, list(bits))]
    assert list(create_primes(degree, bits)) == expected
    assert Parameters.from_bits(degree, bits).coeff_modulus_bits == bits


@pytest.mark.parametrize(("degree", "bits"), BITS)
def test_identifiers_of_levels_are_those_of_seal(degree: int, bits: tuple[int, ...]) -> None:
    parameters = Parameters.from_bits(degree, bits)
    given_to_seal = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
    given_to_seal.set_poly_modulus_degree(degree)
    given_to_seal.set_coeff_modulus([sealapi.Modulus(prime) for prime in parameters.primes])
    context = sealapi.SEALContext(given_to_seal, True, sealapi.SEC_LEVEL_TYPE.TC128)
    assert list(parameters.key_parms_id) == context.key_parms_id()
    assert list(parameters.parms_id(parameters.top_level)) == context.first_parms_id()
    assert list(parameters.parms_id(0)) == context.last_parms_id()


def test_the_tail_shares_the_identifiers_of_the_lowest_levels() -> None:
    parameters, tail = STRONG.parameters, STRONG.parameters.tail
    assert [tail.parms_id(level) for level in (0, 1)] == [parameters.parms_id(level) for level in (0, 1)]
    assert tail.special_prime == parameters.special_prime
    assert tail.key_parms_id != parameters.key_parms_id


@settings(max_examples=300)
@given(st.integers(0, 100_000))
def test_is_prime_agrees_with_trial_division(candidate: int) -> None:
    naive = candidate > 1 and all(candidate % divisor for divisor in range(2, int(candidate**0.5) + 1))
    assert is_prime(candidate) == naive


@pytest.mark.parametrize("composite", [3215031751, 3825123056546413051, 18446744073709551615])
def test_is_prime_refuses_strong_pseudoprimes(composite: int) -> None:
    assert not is_prime(composite)


def test_security_margin_to_the_standard_s_table() -> None:
    for profile in PROFILES.values():
        parameters = profile.parameters
        assert parameters.total_bits <= HE_STANDARD_2018_BITS[parameters.poly_modulus_degree] - 4
    with pytest.raises(InsecureParameters, match="may be 214 at most"):
        Parameters.from_bits(8192, (43, 43, 43, 43, 43))


def test_json_round_trip_and_digest() -> None:
    for profile in PROFILES.values():
        assert Parameters.from_json(profile.parameters.to_json()) == profile.parameters
    assert Parameters.from_bits(4096, (35, 35, 34)).digest == (
        "sha256:d8ce7d8ba3555936465f881bb5268be016a758e0df3c7a8db7c3bba5de39941f"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"format": "secure-ds/ckks-parameters/2"},
        {"poly_modulus_degree": 8191},
        {"poly_modulus_degree": "8192"},
        {"primes": []},
        {"primes": ["12289"]},
        {"primes": "1"},
        {"primes": ["0x10"]},
        {"extra": 1},
    ],
)
def test_json_that_breaks_a_rule_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidParameters):
        Parameters.from_json({**STRONG.parameters.to_json(), **change})


def test_primes_must_be_distinct_friendly_primes() -> None:
    good = Parameters.from_bits(4096, (35, 35, 34)).primes
    for bad in [(good[0], good[0], good[2]), (good[0], good[1] - 2, good[2]), (good[0],), (3 * 8192 + 1, *good[:1])]:
        with pytest.raises(InvalidParameters):
            Parameters(4096, bad)
    with pytest.raises(InvalidParameters, match="level must be"):
        Parameters(4096, good).parms_id(2)
    with pytest.raises(InvalidParameters, match="18 to 60 bits"):
        create_primes(4096, (61,))
    with pytest.raises(InvalidParameters, match="only"):
        create_primes(32768, (18, 18, 18, 18))
