"""What to tell a sender about a document that breaks a rule."""

from typing import Any

from pydantic import ValidationError


def first_problem(error: ValidationError, document: str) -> str:
    """Return where a document is wrong, by the name of the field or of the whole, and why."""
    problem: Any = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or document
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}"
