"""One JSON object per line on standard error, with the request or job it belongs to; never a secret, never a body.

Exceptions are logged by kind and place (`describe_error`), not by message or local values: those may quote data.
"""

import logging
import sys
import traceback
from typing import Any

import structlog


def configure_logs(process: str, level: str = "INFO") -> None:
    """Set up this process' log; `process` is its name on every line."""

    def name_process(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**line, "process": process}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return an error's kind and the places it passed, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__qualname__, "where": where}


def _short(filename: str) -> str:
    return "/".join(filename.split("/")[-3:])
