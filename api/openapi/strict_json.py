"""JSON as RFC 8259 means it, less what its readers disagree about: duplicate keys, NaN and infinities are refused."""

import json
import math
from typing import Any, NoReturn


class NotStrictJSON(ValueError):
    """The text is not JSON that every reader understands alike; the message says why and never quotes it."""


def loads(data: bytes) -> Any:
    """Parse a UTF-8 JSON text.

    Raises:
        NotStrictJSON: bad UTF-8 or syntax, a duplicate key, a number that is not finite, or nesting too deep.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
        )
    except UnicodeDecodeError:
        raise NotStrictJSON("not valid UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotStrictJSON(f"not valid JSON: {error.msg} at byte offset {error.pos}") from None
    except RecursionError:
        raise NotStrictJSON("nested too deeply") from None
    except NotStrictJSON:
        raise
    except ValueError:  # an integer with more digits than Python reads
        raise NotStrictJSON("a number is too long") from None


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJSON("an object names the same key twice")
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise NotStrictJSON("NaN and infinities are not JSON")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotStrictJSON("a number is too large")
    return value
