"""What an operation of the API declares, read from its handler's signature.

A handler's parameters are, by name: `body` (a message as JSON, or `RawBody`), `query` and `headers` (messages whose
fields are the parameters), the names in the path's braces (annotated types), and anything else by type from the
application (`given`). Its docstring is the documentation, its return annotation the success answer.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from pydantic import BaseModel, TypeAdapter

from api.openapi.raw_body import RawBody
from secure_ds.core.principal import Caller

JSON = "application/json"
OCTETS = "application/octet-stream"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The success answer.

    Attributes:
        status: its status.
        media: its media types; none for an answer without a body.
        model: what the body is, where it is JSON.
        headers: its own headers, name to description.
        also: further statuses with the same body.
    """

    status: int = 200
    media: tuple[str, ...] = (JSON,)
    model: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    tag: str
    handler: Handler
    answer: Answer
    problems: frozenset[int]
    given: Mapping[str, type]
    path_parameters: Mapping[str, TypeAdapter[Any]]
    query: type[BaseModel] | None
    headers: type[BaseModel] | None
    body: type[BaseModel] | type[RawBody] | None

    @property
    def name(self) -> str:
        """The operation's identifier in the document."""
        return self.handler.__name__

    @property
    def authenticated(self) -> bool:
        """Whether the caller must present a token."""
        return Caller in self.given.values()

    @property
    def json_body(self) -> type[BaseModel] | None:
        """The model of a JSON body, if the operation takes one."""
        return self.body if self.body is not None and issubclass(self.body, BaseModel) else None

    @property
    def documentation(self) -> tuple[str, str]:
        """The first line of the handler's docstring, and the rest."""
        summary, _, rest = inspect.cleandoc(self.handler.__doc__ or "").partition("\n")
        return summary.rstrip("."), rest.strip()


def declare(
    method: str,
    path: str,
    tag: str,
    handler: Handler,
    *,
    status: int = 200,
    media: tuple[str, ...] = (JSON,),
    model: type[BaseModel] | None = None,
    answer_headers: Mapping[str, str] | None = None,
    also: tuple[int, ...] = (),
    problems: Iterable[int] = (),
) -> Operation:
    """Read a declaration; `problems` are the statuses it may answer beyond those its parameters imply.

    `model` names the answer's model where the return annotation does not.

    Raises:
        TypeError: the handler lacks a docstring, or a placeholder of the path is no parameter of it.
    """
    hints = get_type_hints(handler, include_extras=True)
    returned = hints.pop("return", None)
    placeholders = _PLACEHOLDER.findall(path)
    if not handler.__doc__ or not set(placeholders) <= hints.keys():
        raise TypeError(f"{handler.__name__} needs a docstring and a parameter for each of {placeholders}")
    from_request = {name: hints.pop(name, None) for name in ("body", "query", "headers")}
    path_parameters = {name: TypeAdapter(hints.pop(name)) for name in placeholders}
    if model is None and inspect.isclass(returned) and issubclass(returned, BaseModel):
        model = returned
    return Operation(
        method=method,
        path=path,
        tag=tag,
        handler=handler,
        answer=Answer(status, media, model, answer_headers or {}, also),
        problems=frozenset(problems),
        given=hints,
        path_parameters=path_parameters,
        query=from_request["query"],
        headers=from_request["headers"],
        body=from_request["body"],
    )


def possible_problems(operation: Operation) -> frozenset[int]:
    """Return every problem status the operation may answer: those declared and those its parameters imply."""
    implied = {400, 500, 503}
    if operation.authenticated:
        implied |= {401, 403}
    if operation.path_parameters:
        implied |= {404}
    if operation.query or operation.headers:
        implied |= {422}
    if operation.body:
        implied |= {413, 415, 422}
    return (operation.problems | implied) - {operation.answer.status, *operation.answer.also}
