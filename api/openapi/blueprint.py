"""A Flask blueprint whose routes are declared operations."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, request

from api.openapi.answers import write_answer
from api.openapi.binding import arguments
from api.openapi.operation import Handler, Operation, declare


class OperationBlueprint(Blueprint):
    """Routes of one tag of the document."""

    def __init__(self, tag: str, description: str) -> None:
        super().__init__(tag, __name__)
        self.tag = tag
        self.description = description
        self.operations: list[Operation] = []

    def operation(self, method: str, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """Register the decorated handler; `declaration` is what `declare` takes."""

        def register(handler: Handler) -> Handler:
            operation = declare(method, path, self.tag, handler, **declaration)
            self.operations.append(operation)
            self.add_url_rule(
                path.replace("{", "<").replace("}", ">"),
                endpoint=operation.name,
                view_func=_view(operation),
                methods=[method],
                provide_automatic_options=False,
            )
            return handler

        return register


def _view(operation: Operation) -> Callable[..., Response]:
    def view(**placed: str) -> Response:
        bound = arguments(operation, request, placed, current_app.extensions["givers"])
        return write_answer(operation, operation.handler(**bound))

    return view
