"""Server-sent events, read as the HTML standard says ("event stream interpretation"), as far as this service needs."""

import json
from collections.abc import Iterable, Iterator

from secure_ds.client.errors import UnexpectedAnswer
from secure_ds.wire.jobs import JobEvent

FIELDS = frozenset({"id", "event", "data"})


def read_events(lines: Iterable[str]) -> Iterator[JobEvent]:
    """Yield the events of a stream's lines; comments (heartbeats) and a last event without its blank line are dropped.

    Raises:
        UnexpectedAnswer: an event is not one of a job.
    """
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name in FIELDS:
            fields[name] = value.removeprefix(" ")
        elif not line and fields:
            yield _event(fields)
            fields = {}


def _event(fields: dict[str, str]) -> JobEvent:
    try:
        return JobEvent(id=int(fields["id"]), event=fields["event"], data=json.loads(fields["data"]))
    except (KeyError, ValueError):
        raise UnexpectedAnswer("an event of the stream is not one of a job") from None
