"""RFC 6962 from its definition: a stack for growing trees, recursion for proofs. Apart from the writer's tree."""

from collections.abc import Sequence
from hashlib import sha256


class BrokenProofError(Exception):
    """A proof has the wrong number of hashes, or refers to a leaf outside the tree."""


def hash_leaf(data: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 || d)."""
    return sha256(b"\0" + data).digest()


def hash_pair(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\1" + left + right).digest()


class GrowingTree:
    """The roots of complete subtrees on a stack, largest first: what a binary counter is to a number.

    Memory is O(log n). `size` counts leaves, those of the frontier it began with included.
    """

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        """Begin after `size` leaves, whose complete subtrees are `frontier`, largest first.

        Raises:
            BrokenProofError: the frontier does not have one hash for each one bit of `size`.
        """
        if len(frontier) != size.bit_count():
            raise BrokenProofError(f"{size} leaves have {size.bit_count()} complete subtrees, not {len(frontier)}")
        self.size = size
        self._stack = list(frontier)

    def push(self, leaf: bytes) -> None:
        """Append a leaf hash: every trailing one bit of the old size is a carry that merges two subtrees."""
        carries = self.size
        while carries & 1:
            leaf = hash_pair(self._stack.pop(), leaf)
            carries >>= 1
        self._stack.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return MTH of all leaves so far."""
        if not self._stack:
            return sha256().digest()
        *larger, node = self._stack
        while larger:
            node = hash_pair(larger.pop(), node)
        return node


def root_by_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to, undoing PATH(index, D_size) of RFC 9162 2.1.3.1.

    Raises:
        BrokenProofError: the proof does not fit the index and size.
    """
    if not 0 <= index < size:
        raise BrokenProofError(f"leaf {index} is not in a tree of {size}")
    if size == 1:
        _expect(not proof)
        return leaf
    _expect(bool(proof))
    left_size, sibling = _left_size(size), proof[-1]
    if index < left_size:
        return hash_pair(root_by_inclusion(index, left_size, leaf, proof[:-1]), sibling)
    return hash_pair(sibling, root_by_inclusion(index - left_size, size - left_size, leaf, proof[:-1]))


def roots_by_consistency(old: int, new: int, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the old and new roots that a consistency proof leads to, undoing PROOF of RFC 9162 2.1.4.1.

    Raises:
        BrokenProofError: the proof does not fit the sizes, or `old` is 0, for which there is nothing to prove.
    """
    if not 0 < old <= new:
        raise BrokenProofError(
            f"a consistency proof leads from 1 or more leaves to as many or more, not {old} to {new}"
        )
    return _undo_subproof(old, new, old_root, list(proof), whole=True)


def _undo_subproof(old: int, new: int, old_root: bytes, proof: list[bytes], *, whole: bool) -> tuple[bytes, bytes]:
    if old == new:
        _expect(len(proof) == (0 if whole else 1))
        node = old_root if whole else proof[0]
        return node, node
    _expect(bool(proof))
    left_size, sibling, rest = _left_size(new), proof[-1], proof[:-1]
    if old <= left_size:
        before, after = _undo_subproof(old, left_size, old_root, rest, whole=whole)
        return before, hash_pair(after, sibling)
    before, after = _undo_subproof(old - left_size, new - left_size, old_root, rest, whole=False)
    return hash_pair(sibling, before), hash_pair(sibling, after)


def _left_size(size: int) -> int:
    """The largest power of two smaller than `size`."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def _expect(condition: bool) -> None:
    if not condition:
        raise BrokenProofError("the proof has too many or too few hashes")
