"""From errors to RFC 9457 problem documents with a stable `code`.

Rules of this module:
1. What a caller may know is in the error's own words; anything unexpected becomes `internal_error` with a request id.
2. The log names the kind of an unexpected error and where it happened, never its message: a message may quote data.
"""

from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from secure_ds.core.logs import describe_error
from secure_ds.services.errors import Kind, ServiceError
from secure_ds.wire.service import Problem

MEDIA_TYPE: Final = "application/problem+json"
STATUS_OF_KIND: Final[dict[Kind, int]] = {
    "malformed": 400,
    "unauthenticated": 401,
    "denied": 403,
    "missing": 404,
    "conflict": 409,
    "budget": 409,
    "precondition": 412,
    "too_large": 413,
    "invalid": 422,
    "digest_mismatch": 422,
    "unavailable": 503,
}
CODE_OF_STATUS: Final = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
}
KEPT_HEADERS: Final = frozenset({"Allow"})
RETRY_SECONDS: Final = 2
_log = structlog.get_logger("api")


def register_problems(app: Flask) -> None:
    """Answer every error of `app` with a problem document."""
    app.register_error_handler(ServiceError, _from_service)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _unexpected)


def problem(status: int, code: str, detail: str, **members: Any) -> Response:
    """Return a problem document; `members` are its optional fields."""
    document = Problem(
        type=f"urn:secure-ds:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        instance=request.path,
        request_id=g.request_id,
        **members,
    )
    return Response(document.model_dump_json(exclude_none=True), status, mimetype=MEDIA_TYPE)


def _from_service(error: ServiceError) -> Response:
    status = STATUS_OF_KIND[error.kind]
    response = problem(status, error.code, error.detail, remedy=error.remedy, facts=error.facts)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = f'Bearer realm="secure-ds", error="{error.code}"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _from_http(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code = CODE_OF_STATUS.get(status, HTTPStatus(status).name.lower())
    response = problem(status, code, error.description or "", facts=getattr(error, "facts", None))
    for name, value in error.get_headers():
        if name in KEPT_HEADERS:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    _log.error("unexpected error", **describe_error(error))
    detail = "the service met an error that it did not expect; nothing more is said here, the operator's log has it"
    return problem(500, "internal_error", detail, remedy="tell the operator the request id")
