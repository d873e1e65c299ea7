"""Errors of the store. Those of the rules it stores come from the rules' own rooms (`jobs`, `privacy`).

Caller mistakes (`NotFound`, `AlreadyExists`, `UnknownCursor`) are apart from a store that cannot answer
(`StoreUnavailable`), from a schema that is not the code's (`SchemaDrift`) and from a worker that was replaced
(`LeaseLost`). Blobs have their own in `secure_ds.store.blobs`.
"""

from collections.abc import Sequence
from typing import ClassVar


class StoreError(Exception):
    """Root of everything this room raises on purpose."""

    code: ClassVar[str] = "store_error"


class StoreUnavailable(StoreError):
    """The database did not answer, or not in time; nothing was changed. Asking again later may help."""

    code: ClassVar[str] = "store_unavailable"


class UnsupportedDatabase(StoreError):
    """The database URL names an engine, or a kind of database, for which the store's guarantees do not hold."""

    code: ClassVar[str] = "unsupported_database"


class SchemaDrift(StoreError):
    """The tables in the database are not those the code expects.

    Attributes:
        differences: one sentence for each.
    """

    code: ClassVar[str] = "schema_drift"

    def __init__(self, differences: Sequence[str]) -> None:
        listed = "; ".join(differences)
        super().__init__(f"the database schema is not what this version expects ({listed}); run `secure-ds db upgrade`")
        self.differences = tuple(differences)


class NotFound(StoreError):
    """There is no such row."""

    code: ClassVar[str] = "not_found"


class AlreadyExists(StoreError):
    """A row with that identity is there already; the transaction cannot go on."""

    code: ClassVar[str] = "already_exists"


class UnknownCursor(StoreError):
    """A page was asked for after an object that is not in the list."""

    code: ClassVar[str] = "unknown_cursor"


class LeaseLost(StoreError):
    """The work was claimed by another worker, or is finished; the holder of this lease must stop at once."""

    code: ClassVar[str] = "lease_lost"


class AnswerConflict(StoreError):
    """A step that was answered already was given another answer."""

    code: ClassVar[str] = "answer_conflict"


class AttestationConflict(StoreError):
    """An evaluator that attested a step attests another ciphertext for it."""

    code: ClassVar[str] = "attestation_conflict"


class CertificateConflict(StoreError):
    """A model that has a certificate was given another one."""

    code: ClassVar[str] = "certificate_conflict"
