"""Header messages that several routes share."""

from pydantic import Field

from secure_ds.wire.base import Count, Message


class IdempotencyHeaders(Message):
    """Makes a request safe to repeat."""

    idempotency_key: str | None = Field(
        default=None,
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_.:-]{1,128}$",
        description="repeating a request with its key does nothing twice; another request with the key is refused",
    )


class EventHeaders(Message):
    """Where an event stream continues."""

    last_event_id: Count = Field(default=0, alias="Last-Event-ID", description="number of the last event received")
