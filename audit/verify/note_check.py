"""Checkpoints as the verifier reads them: a note, the log's signature on it, three lines of text."""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from audit.verify.keys import TrustedKey

_MAX_NOTE: Final = 64 * 1024
_NOTE: Final = re.compile(r"(?P<text>[^\0-\x09\x0b-\x1f]+\n)\n(?P<signatures>(?:\u2014 [^\n]+\n){1,16})")
_SIGNATURE: Final = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/]+={0,2})\n")
_BODY: Final = re.compile(r"(?P<origin>[^\s+]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n")


class NoteError(Exception):
    """The note is malformed, or the log's signature on it is wrong."""


class UntrustedNoteError(NoteError):
    """No trusted key signed the note."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a verified checkpoint says: `size` leaves of the log `origin` have this `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes


def open_tree_head(note: object, keys: Sequence[TrustedKey]) -> TreeHead:
    """Return the tree head of a checkpoint that a trusted key of the log's name signed.

    Raises:
        UntrustedNoteError: no such signature.
        NoteError: malformed, or signed wrongly by a trusted key.
    """
    if not isinstance(note, str) or len(note) > _MAX_NOTE:
        raise NoteError("the checkpoint is not a note")
    if any("\ud800" <= character <= "\udfff" for character in note):
        raise NoteError("the checkpoint is not valid Unicode")
    parts = _NOTE.fullmatch(note)
    body = _BODY.fullmatch(parts["text"]) if parts else None
    if parts is None or body is None:
        raise NoteError("the checkpoint is not three lines of origin, size and root with signatures below them")
    root = b64decode(body["root"])
    if b64encode(root).decode() != body["root"]:
        raise NoteError("the root of the checkpoint is not in canonical base64")
    _check_signatures(parts["text"], parts["signatures"], [key for key in keys if key.name == body["origin"]])
    return TreeHead(body["origin"], int(body["size"]), root)


def _check_signatures(text: str, lines: str, keys: Sequence[TrustedKey]) -> None:
    by_identity = {(key.name, key.key_id): key for key in keys}
    signed = False
    for line in lines.splitlines(keepends=True):
        name, blob = _signature(line)
        key = by_identity.get((name, blob[:4]))
        if key is None:
            continue
        if not key.holds(text.encode(), blob[4:]):
            raise NoteError(f"the signature of {name} on the checkpoint is wrong")
        signed = True
    if not signed:
        raise UntrustedNoteError("no trusted key of the log signed the checkpoint")


def _signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    if match is None:
        raise NoteError("a signature line of the checkpoint is malformed")
    try:
        return match["name"], b64decode(match["blob"], validate=True)
    except ValueError as error:
        raise NoteError("a signature of the checkpoint is not base64") from error
