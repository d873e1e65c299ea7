"""Ring packing: the slot sums of many ciphertexts in one, without a rotation.

The real parts of the slots sum to N/2 times the constant coefficient m_0. The tree of Chen, Dai, Kim and Song (2021,
"Efficient homomorphic conversion between (ring) LWE ciphertexts") gathers the constant coefficients of K inputs, and a
trace clears every other coefficient.

Rules kept here:
  1. Packing `count` inputs, K = count rounded up to a power of two, leaves N * m_0 of input i, that is twice the sum
     of its slots' real parts, in coefficient bit-reverse(i) * N/K, and zero in every other coefficient.
  2. It uses at most count + log2(N) automorphisms and only elements of `galois_elements`.
  3. Inputs are asked for one at a time, in order, and at most log2(K) + 1 values are held.
  4. Errors of norm 1 in every input and of every automorphism leave an error of norm `error_growth` at most.

A node over m inputs combines its halves e and o into (e + X^(N/m) o) + phi(e - X^(N/m) o) with phi: X -> X^(m+1), which
fixes X^(2N/m) and negates X^(N/m). Bit-reversed positions put absent inputs into odd halves, which cost nothing.

**Products are packed before they are made.** Let the inputs be r x_0, r x_1, ... with one factor r in common. Every
node is linear and phi(r x) = phi(r) phi(x), so the subtree over a group of G inputs equals

    sum over i < G of g_i(r) p_i,    g_i the G products of the automorphisms below,    p_i a combination of the x_j

(`grouped` makes p_0 .. p_(G-1), `images` makes g_0(r) .. g_(G-1)(r)). The columns x_j are grouped once for all steps; a
step then pays G - 1 automorphisms of r, as many products as before, and one relinearisation *a group*, where the tree
above pays one automorphism a group. Without groups it would be one of each an input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from secure_ds.ckks.parameters import Parameters

T = TypeVar("T")


class Node(NamedTuple):
    """A node of the tree: `size` inputs, a power of two, from `first` on, a multiple of it."""

    first: int
    size: int


Known: TypeAlias = Callable[[Node], T | None]
"""Gives a node's value, or None for one that is to be made from its halves."""

GROUP = 8
"""Inputs of a group. Twice as many would halve the rest of the tree, but double the images of r, one set a block."""


class Ring(Protocol[T]):
    """What packing needs of a ring element, encrypted or not."""

    @property
    def degree(self) -> int:
        """N."""

    def add(self, left: T, right: T) -> T:
        """Return left + right."""

    def subtract(self, left: T, right: T) -> T:
        """Return left - right."""

    def shift(self, value: T, exponent: int) -> T:
        """Return X**exponent * value."""

    def automorphism(self, value: T, element: int) -> T:
        """Return value with X replaced by X**element."""


def padded_count(count: int) -> int:
    """Return K: `count` rounded up to a power of two."""
    return 1 << (count - 1).bit_length()


def positions(degree: int, count: int) -> tuple[int, ...]:
    """Return the coefficient that holds input i, for i = 0 .. count - 1.

    Raises:
        ValueError: there are no inputs, or more than coefficients.
    """
    if not 1 <= count <= degree:
        raise ValueError(f"1 to {degree} inputs can be packed, got {count}")
    padded = padded_count(count)
    width = padded.bit_length() - 1
    return tuple(_reverse_bits(index, width) * (degree // padded) for index in range(count))


def galois_elements(parameters: Parameters) -> tuple[int, ...]:
    """Return the elements g of all automorphisms X -> X^g that circuits use at levels 0 and 1, ascending.

    log2(N) for packing and the trace, 2^k + 1 each, and 2N - 1, complex conjugation, for the norm check. Keys for them
    are made on the chain `parameters.tail`.
    """
    exponents = range(1, parameters.poly_modulus_degree.bit_length())
    return (*(2**exponent + 1 for exponent in exponents), conjugation_element(parameters))


def group_elements() -> tuple[int, ...]:
    """Return the elements of the automorphisms inside a group, ascending."""
    return tuple(2**exponent + 1 for exponent in range(1, GROUP.bit_length()))


def conjugation_element(parameters: Parameters) -> int:
    """Return g = 2N - 1: X -> X^g is complex conjugation of every slot."""
    return 2 * parameters.poly_modulus_degree - 1


def error_growth(degree: int, count: int) -> float:
    """Bound the l2 norm of a packed error, when each input and each automorphism brings one of norm at most 1.

    A node maps its halves' errors by (1 + phi, +-(1 - phi)), of norm 2 since phi permutes coefficients up to signs, and
    adds its own. So a_l, the quadratic sum over the nodes at height l, of which there are ceil(count / 2^l) <= count,
    is at most 2 a_(l-1) + sqrt(count), a_0 = sqrt(count); at the root, height log2(N), it is below 2 N sqrt(count).
    """
    return 2 * input_growth(degree, count)


def input_growth(degree: int, count: int) -> float:
    """The same for errors of the inputs alone: N sqrt(count). Those of automorphisms alone grow less.

    Over groups of G inputs the tree is lower: read N as N/G and count as the number of groups.
    """
    return degree * math.sqrt(count)


def group_size(count: int) -> int:
    """Return G for `count` inputs: `GROUP`, or K if that is smaller."""
    return min(GROUP, padded_count(count))


def grouped(ring: Ring[T], inputs: Sequence[T], size: int) -> list[T]:
    """Return p_0 .. p_(size - 1) of a group of 1 to `size` inputs, `size` a power of two; absent inputs are zero."""
    if size == 1:
        return [inputs[0]]
    half = size // 2
    even = grouped(ring, inputs[:half], half)
    if len(inputs) <= half:
        return [*even, *(ring.automorphism(value, size + 1) for value in even)]
    odd = [ring.shift(value, ring.degree // size) for value in grouped(ring, inputs[half:], half)]
    pairs = list(zip(even, odd, strict=True))
    minus = (ring.automorphism(ring.subtract(left, right), size + 1) for left, right in pairs)
    return [*(ring.add(left, right) for left, right in pairs), *minus]


def images(ring: Ring[T], value: T, size: int, reached: int = 1) -> list[T]:
    """Return g_0(value) .. g_(size - 1)(value), `size` a power of two.

    Bit k of i stands for the automorphism of 2^(k+1) + 1, lowest first. From `reached` = 2 on: of even i alone; from
    g_1(value), those of odd i.
    """
    found = [value]
    while reached < size:
        reached *= 2
        found += [ring.automorphism(image, reached + 1) for image in found]
    return found


def pack(ring: Ring[T], inputs: Callable[[int], T], count: int, group: int = 1) -> T:
    """Pack `count` inputs into one element; see the module's rules.

    Args:
        ring: arithmetic of the elements.
        inputs: makes the value of group i: input i itself for `group` = 1, else the node over inputs from
            i * group on; called once for each, in ascending order.
        count: number of inputs, 1 to N.
        group: inputs of a group, a power of two up to K.
    """
    return pack_nodes(ring, of_groups(inputs, group), count)


def pack_nodes(ring: Ring[T], known: Known[T], count: int) -> T:
    """Pack `count` inputs, 1 to N, of which `known` gives some nodes of the tree, made in any place and order."""
    size = padded_count(count)
    packed = node(ring, known, Node(0, size), count)
    while size < ring.degree:
        size *= 2
        packed = ring.add(packed, ring.automorphism(packed, size + 1))
    return packed


def of_groups(inputs: Callable[[int], T], group: int) -> Known[T]:
    """Know the nodes of `group` inputs, by their number."""
    return lambda place: inputs(place.first // group) if place.size == group else None


def node(ring: Ring[T], known: Known[T], place: Node, count: int) -> T:
    """Return a node's value; at least its first input is among the `count` that there are."""
    found = known(place)
    if found is not None:
        return found
    first, size = place
    half = size // 2
    even = node(ring, known, Node(first, half), count)
    if count <= first + half:
        return ring.add(even, ring.automorphism(even, size + 1))
    odd = ring.shift(node(ring, known, Node(first + half, half), count), ring.degree // size)
    return ring.add(ring.add(even, odd), ring.automorphism(ring.subtract(even, odd), size + 1))


def _reverse_bits(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2) if width else 0
