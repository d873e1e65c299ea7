"""From a request to a handler's arguments, or to the refusal that says what would be right.

Order: what the application gives (who asks, first of all), path, query, headers, body. A refusal names where the
fault is and what was expected; it never repeats what was sent.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest, NotFound, UnprocessableEntity, UnsupportedMediaType

from api.openapi import strict_json
from api.openapi.operation import JSON, OCTETS, Operation
from api.openapi.raw_body import RawBody

MAX_ERRORS = 20
MAX_PLACE = 120  # characters of a field's path that an error repeats

Givers = Mapping[type, Callable[[], Any]]
Model = TypeVar("Model", bound=BaseModel)


class InvalidRequest(UnprocessableEntity):
    """The request was understood and a value in it cannot be used; `facts` lists where and why."""

    def __init__(self, error: ValidationError, place: str) -> None:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        faults = [{"at": _place(place, fault["loc"]), "what": _plain(fault["msg"])} for fault in details[:MAX_ERRORS]]
        super().__init__(f"{faults[0]['at']}: {faults[0]['what']}")
        self.facts = {"errors": faults}


def arguments(operation: Operation, request: Request, placed: Mapping[str, str], givers: Givers) -> dict[str, Any]:
    """Return the handler's keyword arguments; `placed` are the path's values as text.

    Raises:
        HTTPException: the request cannot be accepted (400, 404, 413, 415 or 422), or what a giver raises.
    """
    bound = {name: givers[kind]() for name, kind in operation.given.items()}
    for name, adapter in operation.path_parameters.items():
        bound[name] = _path_value(adapter, placed[name])
    query = _read_query(request, operation.query)
    if operation.query:
        bound["query"] = query
    if operation.headers:
        bound["headers"] = _read_headers(request, operation.headers)
    if operation.body:
        bound["body"] = _read_body(request, operation, givers)
    return bound


def _path_value(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise NotFound("no such object") from None


def _read_query(request: Request, model: type[BaseModel] | None) -> BaseModel | None:
    known = model.model_fields.keys() if model else set()
    for name, values in request.args.lists():
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise BadRequest(f"unknown query parameter; this operation knows: {allowed}")
        if len(values) > 1:
            raise BadRequest(f"query parameter {name} is given {len(values)} times; give it once")
    return validate(model, request.args.to_dict(), "query", strict=False) if model else None


def _read_headers(request: Request, model: type[Model]) -> Model:
    names = [field.alias or name for name, field in model.model_fields.items()]
    sent = {name: request.headers[name] for name in names if name in request.headers}
    return validate(model, sent, "headers", strict=False)


def _read_body(request: Request, operation: Operation, givers: Givers) -> Any:
    model = operation.json_body
    expected = JSON if model else OCTETS
    if request.mimetype != expected:
        raise UnsupportedMediaType(f"send the body as {expected}")
    if model is None:
        return givers[RawBody]()
    try:
        document = strict_json.loads(_whole_body(request))
    except strict_json.NotStrictJSON as error:
        raise BadRequest(f"body: {error}") from None
    return validate(model, document, "body", strict=True)


def _whole_body(request: Request) -> bytes:
    data = request.stream.read()
    request.stream.read(1)  # a chunked body is cut at the limit in silence; reading on at the limit raises the 413
    return data


def validate(model: type[Model], value: Any, place: str, *, strict: bool) -> Model:
    """Return `value` as a message.

    Raises:
        InvalidRequest: it is not one; `place` begins every position in the error.
    """
    try:
        return model.model_validate(value, strict=strict)
    except ValidationError as error:
        raise InvalidRequest(error, place) from None


def _place(root: str, location: tuple[int | str, ...]) -> str:
    return ".".join([root, *map(str, location)])[:MAX_PLACE]


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
