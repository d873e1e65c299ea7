"""The packing tree on plain integer polynomials: every count, positions, cost, and what the trace clears."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.logistic_shares import whole_nodes
from secure_ds.ckks.packing import (
    GROUP,
    error_growth,
    galois_elements,
    group_elements,
    group_size,
    grouped,
    images,
    node,
    of_groups,
    pack,
    pack_nodes,
    padded_count,
    positions,
)
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import FAST, STRONG

Polynomial = npt.NDArray[np.int64]


class PlainRing:
    """Z[X]/(X^N + 1) in NumPy; counts automorphisms and remembers their elements."""

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.elements: list[int] = []

    def add(self, left: Polynomial, right: Polynomial) -> Polynomial:
        return left + right

    def subtract(self, left: Polynomial, right: Polynomial) -> Polynomial:
        return left - right

    def shift(self, value: Polynomial, exponent: int) -> Polynomial:
        return np.concatenate([-value[self.degree - exponent :], value[: self.degree - exponent]])

    def automorphism(self, value: Polynomial, element: int) -> Polynomial:
        self.elements.append(element)
        exponents = np.arange(self.degree) * element % (2 * self.degree)
        image = np.empty_like(value)
        image[exponents % self.degree] = np.where(exponents < self.degree, value, -value)
        return image


def packed_polynomials(degree: int, count: int, seed: int) -> tuple[PlainRing, Polynomial, Polynomial]:
    ring = PlainRing(degree)
    inputs = np.random.default_rng(seed).integers(-1000, 1000, size=(count, degree))
    return ring, inputs, pack(ring, lambda index: inputs[index], count)


@pytest.mark.parametrize("count", range(1, 301))
def test_packs_constant_coefficients_for_any_count(count: int) -> None:
    degree = 512
    ring, inputs, packed = packed_polynomials(degree, count, seed=count)
    assert np.array_equal(packed[list(positions(degree, count))], degree * inputs[:, 0])
    assert len(ring.elements) <= count + degree.bit_length() - 1


@pytest.mark.parametrize("count", [1, 2, 3, 31, 64, 100, 255, 256])
def test_clears_every_other_coefficient(count: int) -> None:
    degree = 256
    _, _, packed = packed_polynomials(degree, count, seed=count)
    held = set(range(0, degree, degree // padded_count(count)))
    assert not packed[[index for index in range(degree) if index not in held]].any()
    assert not packed[sorted(held - set(positions(degree, count)))].any()


def negacyclic(left: Polynomial, right: Polynomial) -> Polynomial:
    full = np.convolve(left, right)
    degree = left.size
    return full[:degree] - np.append(full[degree:], 0)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 300), seed=st.integers(0, 2**32 - 1))
def test_products_packed_before_they_are_made_are_the_same(count: int, seed: int) -> None:
    """Columns grouped once, then one factor's images: the very polynomial that packing the products gives."""
    degree = 512
    rng, group = np.random.default_rng(seed), group_size(count)
    factor, columns = rng.integers(-9, 9, degree), list(rng.integers(-9, 9, (count, degree)))
    ring = PlainRing(degree)
    turned = images(ring, factor, group)
    assert len(ring.elements) == group - 1
    assert set(ring.elements) <= set(group_elements())

    def subtree(index: int) -> Polynomial:
        combinations = grouped(ring, columns[index * group : (index + 1) * group], group)
        return np.sum([negacyclic(*pair) for pair in zip(turned, combinations, strict=True)], axis=0)

    found = pack(ring, subtree, count, group)
    expected = np.array([negacyclic(factor, column)[0] for column in columns])
    assert np.array_equal(found[list(positions(degree, count))], degree * expected)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 200), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_nodes_made_elsewhere_give_the_same_polynomial(count: int, seed: int, data: st.DataObject) -> None:
    ring, inputs, expected = packed_polynomials(256, count, seed)
    own = data.draw(st.integers(0, count))
    leaf = of_groups(lambda index: inputs[index], 1)
    shares = [share for share in (range(own), range(own, count)) if share]
    made = {place: node(ring, leaf, place, count) for share in shares for place in whole_nodes(share, count)}
    assert np.array_equal(pack_nodes(ring, made.get, count), expected)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_even_and_odd_images_are_all_images(size: int) -> None:
    ring, value = PlainRing(64), np.arange(64)
    even = images(ring, value, size, reached=2)
    odd = images(ring, ring.automorphism(value, 3), size, reached=2)
    assert np.array_equal(np.stack([even, odd], axis=1).reshape(size, 64), images(ring, value, size))


def test_grouping_leaves_an_eighth_of_the_automorphisms_to_each_step() -> None:
    degree, count = 512, 200
    ring = PlainRing(degree)
    pack(ring, lambda index: np.zeros(degree, dtype=np.int64), count, GROUP)
    assert len(ring.elements) <= count / GROUP + np.log2(degree)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8])
def test_errors_inside_a_group_are_those_the_proof_counts(count: int) -> None:
    """Grouping brings a column at most G - 1 automorphisms' errors of norm 1, an image log2(G)."""
    degree, size = 64, group_size(count)
    ring, zeros = NoisyRing(degree), np.zeros(degree, dtype=np.int64)
    in_columns = [float(np.linalg.norm(value)) for value in grouped(ring, count * [zeros], size)]
    in_images = [float(np.linalg.norm(value)) for value in images(ring, zeros, size)]
    assert max(in_columns) <= size - 1
    assert max(in_images) <= np.log2(size)


class NoisyRing(PlainRing):
    """Every automorphism adds 1 to the constant coefficient: the trace doubles such errors instead of cancelling."""

    def automorphism(self, value: Polynomial, element: int) -> Polynomial:
        return super().automorphism(value, element) + (np.arange(self.degree) == 0)


@pytest.mark.parametrize("count", [1, 2, 3, 17, 64])
def test_errors_of_inputs_and_automorphisms_grow_no_further_than_the_bound(count: int) -> None:
    degree = 64
    error = pack(NoisyRing(degree), lambda _: (np.arange(degree) == 0).astype(np.int64), count)
    assert 0.5 * error_growth(degree, count) < np.linalg.norm(error) < error_growth(degree, count)


def test_inputs_are_asked_for_once_and_in_order() -> None:
    asked: list[int] = []

    def make(index: int) -> Polynomial:
        asked.append(index)
        return np.zeros(64, dtype=np.int64)

    pack(PlainRing(64), make, 37)
    assert asked == list(range(37))


@pytest.mark.parametrize("parameters", [FAST.parameters, STRONG.parameters])
def test_only_elements_the_client_makes_keys_for(parameters: Parameters) -> None:
    ring, _, _ = packed_polynomials(64, 64, seed=0)
    assert set(ring.elements) == {3, 5, 9, 17, 33, 65}
    degree = parameters.poly_modulus_degree
    elements = galois_elements(parameters)
    assert elements[-2:] == (degree + 1, 2 * degree - 1)
    assert len(elements) == degree.bit_length()


@pytest.mark.parametrize("count", [0, 65])
def test_refuses_counts_that_cannot_be_packed(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 64 inputs"):
        positions(64, count)
