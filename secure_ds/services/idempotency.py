"""A repeated request gets the first one's answer; the same key on another request is refused.

The answer is stored in the transaction that made it true, so there is no moment in which one exists without the other.
"""

from typing import TypeVar

from secure_ds.core.digest import digest_json
from secure_ds.core.principal import Caller
from secure_ds.services.errors import IdempotencyConflict
from secure_ds.store.rows import IdempotencyRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.base import Message

Answer = TypeVar("Answer", bound=Message)


class Idempotency:
    """One request under one idempotency key (or none, which makes both methods do nothing)."""

    def __init__(self, caller: Caller, key: str | None, body: Message) -> None:
        self._principal = caller.principal.id
        self._key = key
        self._digest = digest_json({"message": type(body).__name__, "body": body.model_dump(mode="json")})

    def answered(self, work: UnitOfWork, kind: type[Answer]) -> Answer | None:
        """Return the answer given to this very request before.

        Raises:
            IdempotencyConflict: the key was used with another request.
        """
        row = None if self._key is None else work.idempotency.find(self._principal, self._key)
        if row is None:
            return None
        if row.request_digest != self._digest:
            raise IdempotencyConflict(
                "this idempotency key was used with another request", remedy="use a fresh key for a new request"
            )
        return kind.model_validate_json(row.body)

    def remember(self, work: UnitOfWork, answer: Answer, *, status: int) -> Answer:
        """Store the answer in the transaction that made it true, and return it."""
        if self._key is not None:
            row = IdempotencyRow(
                principal_id=self._principal,
                key=self._key,
                request_digest=self._digest,
                status=status,
                body=answer.model_dump_json(),
                created_at=work.now,
            )
            work.idempotency.put(row)
        return answer
