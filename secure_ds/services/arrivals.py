"""Announced files as they arrive: continued from where they stopped, and checked before they count."""

from collections.abc import Callable
from typing import BinaryIO

from secure_ds.ckks.errors import MalformedCiphertext
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import BlobDigestMismatch, BlobTooLarge, MalformedBlob, UploadOffsetMismatch
from secure_ds.store.blobs import DigestMismatch, OffsetMismatch, TooManyBytes
from secure_ds.store.rows import BlobRow, PredictionFileRow

Announced = BlobRow | PredictionFileRow


def append(context: ServiceContext, place: str, file: Announced, offset: int, stream: BinaryIO) -> int:
    """Store more of a file; return how much of it is there.

    Raises:
        UploadOffsetMismatch: it does not go on where it stopped.
        BlobTooLarge: it is longer than announced.
    """
    try:
        return context.blobs.append(place, file.digest, offset, stream, file.bytes)
    except OffsetMismatch as error:
        raise UploadOffsetMismatch(
            str(error), remedy="ask for the file's status and continue from its offset"
        ) from error
    except TooManyBytes as error:
        raise BlobTooLarge(str(error)) from error


def finish(context: ServiceContext, place: str, file: Announced, check: Callable[[bytes], None]) -> None:
    """Close a file that is there in full, and check it; a wrong one is thrown away.

    Raises:
        BlobDigestMismatch: these are other bytes than announced.
        MalformedBlob: `check` refuses them.
    """
    try:
        context.blobs.finish(place, file.digest)
        with context.blobs.open(place, file.digest) as stored:
            check(stored.read())
    except DigestMismatch as error:
        raise BlobDigestMismatch(
            "the bytes that arrived are not those that were announced; they were thrown away",
            remedy="send the file again from its beginning",
        ) from error
    except MalformedCiphertext as error:
        context.blobs.delete(place, file.digest)
        raise MalformedBlob(str(error), facts={"reason": error.reason, "kind": file.kind}) from error
