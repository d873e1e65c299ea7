"""What every simulated verb has: a lever that makes it raise, and the rule that others' objects are not there."""

import functools
from collections.abc import Callable
from typing import Any

from secure_ds.core.principal import Caller
from secure_ds.services.errors import NotFound


def sabotaged(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Note each call of a verb, and raise what `failing` holds for it."""

    @functools.wraps(verb)
    def run(self: Any, *args: Any) -> Any:
        self.calls.append((verb.__name__, args))
        if error := self.failing.get(verb.__name__):
            raise error
        return verb(self, *args)

    return run


def own(objects: dict[str, Any], caller: Caller, object_id: str) -> Any:
    """Return an object of the caller's tenant."""
    found = objects.get(object_id)
    if found is None or found.tenant != caller.principal.tenant:
        raise NotFound("no such object", remedy="list what there is")
    return found
