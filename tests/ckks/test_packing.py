"""The packing tree on plain integer polynomials: every count, positions, cost, and what the trace clears."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.packing import error_growth, galois_elements, pack, padded_count, positions
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


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 300), seed=st.integers(0, 2**32 - 1))
def test_packs_constant_coefficients_for_any_count(count: int, seed: int) -> None:
    degree = 512
    ring, inputs, packed = packed_polynomials(degree, count, seed)
    assert np.array_equal(packed[list(positions(degree, count))], degree * inputs[:, 0])
    assert len(ring.elements) <= count + degree.bit_length() - 1


@pytest.mark.parametrize("count", [1, 2, 3, 31, 64, 100, 255, 256])
def test_clears_every_other_coefficient(count: int) -> None:
    degree = 256
    _, _, packed = packed_polynomials(degree, count, seed=count)
    held = set(range(0, degree, degree // padded_count(count)))
    assert not packed[[index for index in range(degree) if index not in held]].any()
    assert not packed[sorted(held - set(positions(degree, count)))].any()


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
