"""Checkpoints (C2SP tlog-checkpoint): origin, tree size and root hash of the log, as a signed note.

Rules of this module:
1. The body is exactly three lines; extension lines, which no monitor can audit, are neither written nor accepted.
2. A `SignedCheckpoint` exists only for a note whose signature was verified, so holding one is the proof.
3. The log's keys carry the origin as their name. A cosignature of anybody else does not stand in for the log's own.
4. Whoever signs asks `require_growth` first: a log never signs two checkpoints that contradict each other.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from audit.errors import CheckpointConflict, InvalidCheckpoint, InvalidProof
from audit.merkle import HASH_SIZE, verify_consistency
from audit.note import NoteSigner, VerifierKey, open_note, sign_note, unverified_text

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_SIZE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: `size` leaves of the log `origin` have this `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or not self.origin.isprintable() or any(c.isspace() or c == "+" for c in self.origin):
            raise InvalidCheckpoint(f"origin {self.origin!r} must be non-empty, without spaces and without '+'")
        if not 0 <= self.size <= _MAX_SIZE:
            raise InvalidCheckpoint(f"tree size {self.size} is not between 0 and 2**63 - 1")
        if len(self.root) != HASH_SIZE:
            raise InvalidCheckpoint(f"a root hash has {HASH_SIZE} bytes, not {len(self.root)}")

    def body(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read a body written by `body`.

        Raises:
            InvalidCheckpoint: it has another form.
        """
        lines = body.split("\n")
        if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[1]):
            raise InvalidCheckpoint("a checkpoint has three lines: origin, tree size in decimal, root hash in base64")
        try:
            checkpoint = cls(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
        except binascii.Error as error:
            raise InvalidCheckpoint("the root hash of a checkpoint is not base64") from error
        if checkpoint.body() != body:
            raise InvalidCheckpoint("the root hash of a checkpoint is not in canonical base64")
        return checkpoint


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with the note that carries its verified signatures. Made by this module's two functions only."""

    checkpoint: Checkpoint
    note: str


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> SignedCheckpoint:
    """Sign a checkpoint. The caller has checked with `require_growth` that it may.

    Raises:
        InvalidCheckpoint: the signer's key is not named after the origin, or its signature does not verify.
    """
    if signer.key.name != checkpoint.origin:
        raise InvalidCheckpoint(f"a key named {signer.key.name!r} does not sign for the log {checkpoint.origin!r}")
    return SignedCheckpoint(checkpoint, sign_note(checkpoint.body(), signer))


def open_checkpoint(note: str, keys: Iterable[VerifierKey], origin: str) -> SignedCheckpoint:
    """Verify the note of a checkpoint of the log `origin`.

    Raises:
        InvalidCheckpoint: malformed, of another log, or not signed by one of `keys` that is named after the origin.
    """
    body, _ = open_note(note, [key for key in keys if key.name == origin])
    checkpoint = Checkpoint.parse(body)
    if checkpoint.origin != origin:
        raise InvalidCheckpoint(f"the checkpoint is of the log {checkpoint.origin!r}, not {origin!r}")
    return SignedCheckpoint(checkpoint, note)


def unverified_checkpoint(note: str) -> Checkpoint:
    """Read the checkpoint of a note without looking at its signatures, as for notes from one's own store.

    Raises:
        InvalidCheckpoint: malformed.
    """
    return Checkpoint.parse(unverified_text(note))


def require_growth(older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes]) -> None:
    """Require that `newer` extends `older`: same log, nothing before `older.size` changed.

    Args:
        older: the last checkpoint signed or trusted.
        newer: the one to be signed or trusted.
        proof: consistency proof between their sizes.

    Raises:
        CheckpointConflict: they contradict each other, or the proof does not show that they agree.
    """
    if older.origin != newer.origin:
        raise CheckpointConflict(f"checkpoints of two logs: {older.origin!r} and {newer.origin!r}")
    try:
        verify_consistency(older.size, newer.size, older.root, newer.root, proof)
    except InvalidProof as error:
        raise CheckpointConflict(f"size {newer.size} is not shown to extend size {older.size}: {error}") from error
