"""From what a handler returns to a response: messages as JSON, bytes and streams in the declared media type."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeVar

from flask import Response
from pydantic import BaseModel

from api.openapi.operation import JSON, Operation

Item = TypeVar("Item")


def write_answer(operation: Operation, value: Any) -> Response:
    """Return the response; a `Response` made by the handler itself passes unchanged."""
    if isinstance(value, Response):
        return value
    answer = operation.answer
    if isinstance(value, BaseModel):
        return Response(value.model_dump_json(), answer.status, mimetype=JSON)
    body = value if isinstance(value, bytes) else primed(value)
    return Response(body, answer.status, mimetype=answer.media[0])


def primed(items: Iterator[Item]) -> Iterator[Item]:
    """Return the same items with the first already made, so that a refusal comes before the status line is sent."""
    for first in items:
        return chain([first], items)
    return iter(())
