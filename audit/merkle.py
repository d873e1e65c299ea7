"""The Merkle tree of RFC 6962 / RFC 9162: hashing, proofs, and their verification. Pure: no storage, no clock.

Rules of this module:
1. Leaves are hashed with a 0x00 prefix and inner nodes with 0x01: neither can pass for the other (RFC 9162 2.1.1).
2. Only *complete* subtrees are ever stored: the node at `Coordinate(level, position)` covers the leaves
   `[position * 2**level, (position + 1) * 2**level)` and never changes once its last leaf exists.
3. A proof is made from O(log n) stored nodes, fetched in one call; verifying needs no storage at all.
4. A proof that does not hold raises `InvalidProof`; there is no boolean to forget.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Final, NamedTuple

from audit.errors import InvalidProof, OutOfRange

HASH_SIZE: Final = 32  # bytes
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


class Coordinate(NamedTuple):
    """A complete subtree: `2**level` leaves, the one at `position` of its level, counted from the left."""

    level: int
    position: int


NodeReader = Callable[[Sequence[Coordinate]], Mapping[Coordinate, bytes]]
"""Returns the hash of every coordinate asked for, in one call."""


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of a leaf (RFC 9162 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node (RFC 9162 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed_by(index: int) -> list[Coordinate]:
    """List the subtrees of level 1 and above that leaf `index` completes, lowest first.

    One level for each trailing one bit of `index`: on average one node a leaf, at most `log2(n)`.
    """
    completed = []
    level = 0
    while index >> level & 1:
        level += 1
        completed.append(Coordinate(level, index >> level))
    return completed


def append_nodes(index: int, leaf: bytes, read: NodeReader) -> dict[Coordinate, bytes]:
    """Return the inner nodes that come into being when the leaf hash `leaf` is appended at `index`."""
    completed = completed_by(index)
    siblings = [Coordinate(node.level - 1, 2 * node.position) for node in completed]
    left = read(siblings)
    created: dict[Coordinate, bytes] = {}
    current = leaf
    for node, sibling in zip(completed, siblings, strict=True):
        current = node_hash(left[sibling], current)
        created[node] = current
    return created


def root(size: int, read: NodeReader) -> bytes:
    """Return the root of the first `size` leaves (`EMPTY_ROOT` for none), reading at most `log2(size) + 1` nodes."""
    return _subtree_hashes([(0, size)], read)[0] if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: NodeReader) -> tuple[bytes, ...]:
    """Prove that the tree of `size` leaves has its present leaf at `index` (RFC 9162 2.1.3.1).

    Raises:
        OutOfRange: `index` is not below `size`.
    """
    if not 0 <= index < size:
        raise OutOfRange(f"leaf {index} is not in a tree of {size} leaves; indexes run from 0 to size - 1")
    return tuple(_subtree_hashes(_inclusion_path(index, 0, size), read))


def consistency_proof(old: int, new: int, read: NodeReader) -> tuple[bytes, ...]:
    """Prove that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 9162 2.1.4.1).

    The proof is empty for equal sizes, and for an empty old tree, which is a prefix of everything.

    Raises:
        OutOfRange: `old` is above `new`, or negative.
    """
    if not 0 <= old <= new:
        raise OutOfRange(f"cannot prove a tree of {old} leaves a prefix of {new}; the older size is the smaller")
    if old in (0, new):
        return ()
    return tuple(_subtree_hashes(_consistency_path(old, 0, new, whole=True), read))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected_root: bytes) -> None:
    """Check an inclusion proof by the algorithm of RFC 9162 2.1.3.2.

    Args:
        index: position of the leaf, below `size`.
        size: number of leaves of the tree.
        leaf: leaf hash, 32 bytes.
        proof: sibling hashes, lowest first.
        expected_root: root of the tree, from a checkpoint whose signature was verified.

    Raises:
        InvalidProof: the proof does not lead from the leaf to the root.
    """
    _require(0 <= index < size, f"leaf {index} is not in a tree of {size} leaves")
    _require_hashes([leaf, expected_root, *proof])
    position, last, current = index, size - 1, leaf
    for sibling in proof:
        _require(last > 0, "the inclusion proof is too long")
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            position, last = _skip_missing_right(position, last)
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    _require(last == 0, "the inclusion proof is too short")
    _require(hmac.compare_digest(current, expected_root), f"the inclusion proof of leaf {index} gives another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check a consistency proof by the algorithm of RFC 9162 2.1.4.2.

    Raises:
        InvalidProof: the older tree is not shown to be a prefix of the newer one.
    """
    _require(0 <= old <= new, f"the older size {old} is above the newer size {new}")
    _require_hashes([old_root, new_root, *proof])
    if old in (0, new):
        _verify_trivial_consistency(old, new, old_root, new_root, proof)
        return
    _require(bool(proof), "the consistency proof is empty")
    old_is_complete = old & (old - 1) == 0  # then the proof leaves out the old root, which the reader already has
    path = [old_root, *proof] if old_is_complete else list(proof)
    from_old, from_new = _fold_consistency(old, new, path)
    _require(hmac.compare_digest(from_old, old_root), f"the consistency proof gives another root at size {old}")
    _require(hmac.compare_digest(from_new, new_root), f"the consistency proof gives another root at size {new}")


def _verify_trivial_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    _require(not proof, f"a proof between sizes {old} and {new} must be empty")
    same = old_root if old == new else EMPTY_ROOT
    other = new_root if old == new else old_root
    _require(hmac.compare_digest(same, other), f"the roots at sizes {old} and {new} contradict each other")


def _fold_consistency(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Recompute both roots from the proof; `path` begins with the largest complete subtree that ends the old tree."""
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    from_old = from_new = path[0]
    for sibling in path[1:]:
        _require(last > 0, "the consistency proof is too long")
        if position & 1 or position == last:
            from_old, from_new = node_hash(sibling, from_old), node_hash(sibling, from_new)
            position, last = _skip_missing_right(position, last)
        else:
            from_new = node_hash(from_new, sibling)
        position, last = position >> 1, last >> 1
    _require(last == 0, "the consistency proof is too short")
    return from_old, from_new


def _skip_missing_right(position: int, last: int) -> tuple[int, int]:
    """Climb the levels at which the right-most node has no sibling and is carried up unchanged."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _split(size: int) -> int:
    """Return the largest power of two below `size` (`size` > 1)."""
    return 1 << (size - 1).bit_length() - 1


def _inclusion_path(index: int, start: int, end: int) -> list[tuple[int, int]]:
    """List the leaf ranges whose hashes make PATH(index, D[start:end]) of RFC 9162 2.1.3.1."""
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_inclusion_path(index, start, middle), (middle, end)]
    return [*_inclusion_path(index, middle, end), (start, middle)]


def _consistency_path(old: int, start: int, end: int, *, whole: bool) -> list[tuple[int, int]]:
    """List the leaf ranges of SUBPROOF(old, D[start:end], whole) of RFC 9162 2.1.4.1; `old` counts from leaf 0."""
    if old == end:
        return [] if whole else [(start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_consistency_path(old, start, middle, whole=whole), (middle, end)]
    return [*_consistency_path(old, middle, end, whole=False), (start, middle)]


def complete_subtrees(start: int, end: int) -> list[Coordinate]:
    """Split the leaf range `[start, end)` into complete subtrees, left to right.

    `start` must be a multiple of the largest power of two that is at most `end - start`, as it is for every range
    that a proof or a root refers to; then the subtrees come in falling size.
    """
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(Coordinate(level, start >> level))
        start += 1 << level
    return parts


def _subtree_hashes(ranges: Iterable[tuple[int, int]], read: NodeReader) -> list[bytes]:
    """Return the hash of each leaf range, reading all the nodes they need in one call."""
    parts = [complete_subtrees(start, end) for start, end in ranges]
    nodes = read([coordinate for part in parts for coordinate in part])
    return [_join([nodes[coordinate] for coordinate in part]) for part in parts]


def _join(hashes: Sequence[bytes]) -> bytes:
    """Hash complete subtrees of falling size into one node, from the right."""
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def _require_hashes(hashes: Iterable[bytes]) -> None:
    _require(all(len(value) == HASH_SIZE for value in hashes), f"every hash of a proof has {HASH_SIZE} bytes")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidProof(message)
