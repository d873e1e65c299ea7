"""Exact modular arithmetic against Python's integers; the transform against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks import ntt
from secure_ds.ckks.parameters import create_primes

PRIMES = [97, 193, 2**61 - 1, *create_primes(4096, (30, 45, 58, 60))]
SMALL = 16  # ring degree for tests by definition; 97 and 193 are 1 modulo 32


def residues(prime: int, size: int):
    edges = st.sampled_from([0, 1, prime - 1, prime // 2])
    return st.lists(st.one_of(edges, st.integers(0, prime - 1)), min_size=size, max_size=size)


@given(st.sampled_from(PRIMES).flatmap(lambda p: st.tuples(st.just(p), residues(p, 8), residues(p, 8))))
def test_field_agrees_with_python_integers(case):
    prime, left, right = case
    field = ntt.PrimeField(prime)
    a, b = np.array(left, dtype=np.uint64), np.array(right, dtype=np.uint64)
    pairs = list(zip(left, right, strict=True))
    assert field.add(a, b).tolist() == [(x + y) % prime for x, y in pairs]
    assert field.subtract(a, b).tolist() == [(x - y) % prime for x, y in pairs]
    assert field.multiply(a, field.montgomery(b)).tolist() == [x * y % prime for x, y in pairs]


@pytest.mark.parametrize("modulus", [0, 1, 2, 2**61, 2**62 + 1])
def test_a_modulus_that_would_overflow_is_refused(modulus):
    with pytest.raises(ValueError, match="odd and below"):
        ntt.PrimeField(modulus)


def test_signed_values_become_residues():
    assert ntt.PrimeField(97).reduce_signed(np.array([-96, -1, 0, 1, 96])).tolist() == [1, 96, 0, 1, 96]


@given(st.sampled_from([97, 193]).flatmap(lambda p: st.tuples(st.just(p), residues(p, SMALL))))
def test_forward_is_evaluation_in_the_stated_order(case):
    prime, coefficients = case
    root = ntt.smallest_root(SMALL, prime)
    order = [int(f"{i:04b}"[::-1], 2) for i in range(SMALL)]
    expected = [sum(c * pow(root, (2 * r + 1) * k, prime) for k, c in enumerate(coefficients)) % prime for r in order]
    assert ntt.transform(SMALL, prime).forward(np.array(coefficients, dtype=np.uint64)).tolist() == expected


@given(st.sampled_from([97, 193]).flatmap(lambda p: st.tuples(st.just(p), residues(p, SMALL))))
def test_inverse_undoes_forward(case):
    prime, coefficients = case
    change = ntt.transform(SMALL, prime)
    values = np.array(coefficients, dtype=np.uint64)
    assert change.inverse(change.forward(values)).tolist() == coefficients


@given(residues(97, SMALL), residues(97, SMALL))
def test_products_of_evaluations_are_negacyclic_products(left, right):
    product = [0] * SMALL
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            product[(i + j) % SMALL] += x * y if i + j < SMALL else -x * y
    change, field = ntt.transform(SMALL, 97), ntt.PrimeField(97)
    a, b = (change.forward(np.array(values, dtype=np.uint64)) for values in (left, right))
    assert change.inverse(field.multiply(a, field.montgomery(b))).tolist() == [value % 97 for value in product]


@given(residues(97, SMALL), st.sampled_from([1, 2, 4, 8, 16]))
def test_sub_ring_reads_every_nth_coefficient(coefficients, count):
    evaluations = ntt.transform(SMALL, 97).forward(np.array(coefficients, dtype=np.uint64))
    assert ntt.sub_ring_coefficients(evaluations, 97, count).tolist() == coefficients[:: SMALL // count]


@pytest.mark.parametrize("count", [0, 3, 32, -1])
def test_sub_ring_sizes_are_powers_of_two_within_the_ring(count):
    with pytest.raises(ValueError, match="power of two"):
        ntt.sub_ring_coefficients(np.zeros(SMALL, dtype=np.uint64), 97, count)


def test_smallest_root_is_smallest_and_primitive():
    roots = [r for r in range(1, 97) if pow(r, SMALL, 97) == 96]
    assert ntt.smallest_root(SMALL, 97) == min(roots)
    with pytest.raises(ValueError, match="is not 1 modulo"):
        ntt.smallest_root(SMALL, 101)
