"""What surrounds every request: its id, one line in the log, its metrics, and the security headers of its answer.

A log line names the route, not the query, no body and no header: it can hold no secret.
"""

import time
from typing import Final

import structlog
from flask import Flask, Response, g, request

from api.metrics import Metrics
from secure_ds.core.ids import new_id

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_log = structlog.get_logger("api")


def surround_requests(app: Flask, metrics: Metrics) -> None:
    """Wrap every request of `app`."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = new_id("req")
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        route = request.url_rule.rule if request.url_rule else "(no route)"
        metrics.observe(request.method, route, response.status_code, seconds)
        _log.info(
            "request",
            method=request.method,
            route=route,
            **(request.view_args or {}),
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
            principal=g.get("principal_id"),
        )
        return _with_headers(response)


def _with_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
