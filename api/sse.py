"""Server-sent events: a job's events as `text/event-stream`, with heartbeats, and never without an end.

A stream lives for a limited time and then ends quietly; the client reconnects with `Last-Event-ID`, is authenticated
again and misses nothing. The heartbeat also finds out that a client has gone, and gives its thread back.
"""

import json
import time
from collections.abc import Callable, Iterator

from flask import Response
from pydantic import Field

from api.openapi.answers import primed
from secure_ds.wire.base import Message
from secure_ds.wire.jobs import JobEvent

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still here\n\n"
RETRY = b"retry: 1000\n\n"  # milliseconds


class EventFrame(Message):
    """One event of the stream, as its `id`, `event` and `data` lines carry it."""

    id: str
    event: str
    data: str = Field(description="a JSON object")


def event_stream(
    events: Iterator[JobEvent | None],
    *,
    lifetime: float,
    heartbeat: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> Response:
    """Return the stream of `events`; `None` among them means that nothing happened.

    Args:
        events: ends where the stream shall end.
        lifetime: seconds after which the stream ends anyway.
        heartbeat: seconds of silence after which a comment is sent.
        monotonic: the clock.
    """
    return Response(_frames(primed(events), lifetime, heartbeat, monotonic), mimetype=MEDIA_TYPE)


def _frames(
    events: Iterator[JobEvent | None], lifetime: float, heartbeat: float, monotonic: Callable[[], float]
) -> Iterator[bytes]:
    started = last_sent = monotonic()
    yield RETRY
    for event in events:
        now = monotonic()
        if event is not None:
            yield encode_event(event)
            last_sent = now
        elif now - last_sent >= heartbeat:
            yield HEARTBEAT
            last_sent = now
        if now - started >= lifetime:
            return


def encode_event(event: JobEvent) -> bytes:
    """Return one event; its data is JSON, so it has no line breaks."""
    data = json.dumps(event.data, separators=(",", ":"), allow_nan=False)
    return f"id: {event.id}\nevent: {event.event}\ndata: {data}\n\n".encode()
