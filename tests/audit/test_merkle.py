"""The tree against vectors written by others, against its definition, and against proofs that were tampered with."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InvalidProof, OutOfRange
from audit.merkle import (
    EMPTY_ROOT,
    Coordinate,
    append_nodes,
    completed_by,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.audit import vectors
from tests.audit.support import reference_root

LARGEST = 63


class Nodes:
    """Stored nodes in a dictionary, counting what is read."""

    def __init__(self) -> None:
        self.known: dict[Coordinate, bytes] = {}
        self.size = self.reads = self.calls = 0

    def read(self, wanted: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        self.calls += 1
        self.reads += len(wanted)
        return {coordinate: self.known[coordinate] for coordinate in wanted}

    def append(self, leaf: bytes) -> None:
        self.known |= append_nodes(self.size, leaf, self.read)
        self.known[Coordinate(0, self.size)] = leaf
        self.size += 1


def grow(leaves: Sequence[bytes]) -> Nodes:
    nodes = Nodes()
    for leaf in leaves:
        nodes.append(leaf)
    return nodes


def numbered(count: int) -> list[bytes]:
    return [leaf_hash(index.to_bytes(4)) for index in range(count)]


@pytest.fixture(scope="module")
def tree() -> Nodes:
    return grow(numbered(LARGEST))


@pytest.fixture(scope="module")
def roots() -> list[bytes]:
    return [reference_root(numbered(size)) for size in range(LARGEST + 1)]


def test_roots_are_those_of_certificate_transparency() -> None:
    nodes = grow([leaf_hash(leaf) for leaf in vectors.LEAVES])
    assert root(0, nodes.read) == vectors.EMPTY_ROOT == EMPTY_ROOT
    assert [root(size, nodes.read) for size in range(1, 9)] == vectors.ROOTS


@pytest.mark.parametrize(("index", "size", "proof"), vectors.INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(index: int, size: int, proof: list[str]) -> None:
    nodes = grow([leaf_hash(leaf) for leaf in vectors.LEAVES])
    expected = tuple(bytes.fromhex(node) for node in proof)
    assert inclusion_proof(index, size, nodes.read) == expected
    verify_inclusion(index, size, leaf_hash(vectors.LEAVES[index]), expected, vectors.ROOTS[size - 1])


@pytest.mark.parametrize(("old", "new", "proof"), vectors.CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(old: int, new: int, proof: list[str]) -> None:
    nodes = grow([leaf_hash(leaf) for leaf in vectors.LEAVES])
    expected = tuple(bytes.fromhex(node) for node in proof)
    assert consistency_proof(old, new, nodes.read) == expected
    verify_consistency(old, new, vectors.ROOTS[old - 1], vectors.ROOTS[new - 1], expected)


def test_roots_follow_the_definition_at_every_small_size(tree: Nodes, roots: list[bytes]) -> None:
    assert [root(size, tree.read) for size in range(LARGEST + 1)] == roots


def test_inclusion_holds_for_every_leaf_of_every_small_size(tree: Nodes, roots: list[bytes]) -> None:
    leaves = numbered(LARGEST)
    for size in range(1, LARGEST + 1):
        for index in range(size):
            verify_inclusion(index, size, leaves[index], inclusion_proof(index, size, tree.read), roots[size])


def test_consistency_holds_between_every_two_small_sizes(tree: Nodes, roots: list[bytes]) -> None:
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            verify_consistency(old, new, roots[old], roots[new], consistency_proof(old, new, tree.read))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_large_trees_prove_themselves_too(data: st.DataObject) -> None:
    size = data.draw(st.integers(64, 700), "size")
    index = data.draw(st.integers(0, size - 1), "index")
    leaves = numbered(size)
    nodes = grow(leaves)
    whole, part = reference_root(leaves), reference_root(leaves[: index + 1])
    verify_inclusion(index, size, leaves[index], inclusion_proof(index, size, nodes.read), whole)
    verify_consistency(index + 1, size, part, whole, consistency_proof(index + 1, size, nodes.read))


def tampered(proof: Sequence[bytes], other: bytes) -> list[list[bytes]]:
    """Every change of one element, every removal, and additions at both ends."""
    proof = list(proof)
    flipped = [[*proof[:at], bytes([node[0] ^ 8]) + node[1:], *proof[at + 1 :]] for at, node in enumerate(proof)]
    removed = [[*proof[:at], *proof[at + 1 :]] for at in range(len(proof))]
    return [*flipped, *removed, [*proof, other], [other, *proof], [*proof, b""]]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_tampered_inclusion_proof_is_refused(tree: Nodes, roots: list[bytes], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    leaf, proof = numbered(size)[index], inclusion_proof(index, size, tree.read)
    for bad in tampered(proof, roots[size]):
        with pytest.raises(InvalidProof):
            verify_inclusion(index, size, leaf, bad, roots[size])
    lies = [(index, 2 * size, leaf), (index, size // 2, leaf), (index + 1, size, leaf), (index - 1, size, leaf)]
    for wrong in [*lies, (index, size, EMPTY_ROOT), (index, size, b"short")]:
        with pytest.raises(InvalidProof):
            verify_inclusion(*wrong, proof, roots[size])


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_tampered_consistency_proof_is_refused(tree: Nodes, roots: list[bytes], data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(old, new, tree.read)
    for bad in [*tampered(proof, roots[new]), []]:
        with pytest.raises(InvalidProof):
            verify_consistency(old, new, roots[old], roots[new], bad)
    for before, after in ((roots[new], roots[old]), (EMPTY_ROOT, roots[new]), (roots[old], EMPTY_ROOT)):
        with pytest.raises(InvalidProof):
            verify_consistency(old, new, before, after, proof)
    for lie in ((old, 2 * new), (old, new // 2), (old - 1, new), (old + 1, new), (old ^ 2, new)):
        with pytest.raises(InvalidProof):
            verify_consistency(*lie, roots[old], roots[new], proof)


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "proof"),
    [
        (0, 0, vectors.ROOTS[0], vectors.ROOTS[1], []),
        (1, 1, vectors.ROOTS[0], vectors.ROOTS[1], []),
        (0, 1, vectors.ROOTS[0], vectors.ROOTS[0], []),
        (2, 1, vectors.ROOTS[0], vectors.ROOTS[0], []),
        (0, 1, EMPTY_ROOT, vectors.ROOTS[0], [EMPTY_ROOT]),
        (1, 1, vectors.ROOTS[0], vectors.ROOTS[0], [EMPTY_ROOT]),
        (-1, 1, vectors.ROOTS[0], vectors.ROOTS[0], []),
    ],
)
def test_edge_cases_of_consistency_are_refused(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]
) -> None:
    with pytest.raises(InvalidProof):
        verify_consistency(old, new, old_root, new_root, proof)


def test_proofs_beyond_the_tree_are_not_made(tree: Nodes) -> None:
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(OutOfRange):
            inclusion_proof(index, size, tree.read)
    for old, new in ((4, 3), (-1, 3)):
        with pytest.raises(OutOfRange):
            consistency_proof(old, new, tree.read)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    left, right = numbered(2)
    assert leaf_hash(left + right) != reference_root([left, right])


@given(st.integers(0, 2**62))
def test_an_append_completes_one_subtree_for_each_trailing_one(index: int) -> None:
    trailing_ones = (~index & (index + 1)).bit_length() - 1
    assert [node.level for node in completed_by(index)] == list(range(1, trailing_ones + 1))


def test_cost_is_logarithmic() -> None:
    nodes = grow(numbered(1024))
    assert nodes.reads < 1024  # amortised: less than one sibling an append
    for at_a_time in (lambda: inclusion_proof(700, 1023, nodes.read), lambda: consistency_proof(513, 1023, nodes.read)):
        nodes.reads = nodes.calls = 0
        at_a_time()
        assert nodes.calls == 1
        assert nodes.reads <= 2 * 10  # at most log2(n) siblings, and log2(n) parts of the one that is incomplete
