"""Three doors, one lock: the same engine is asked at the edge, in the use case and before a key is used.

Rules kept here: a door names itself in the question, so that policies can tell where it was asked; refusal is an
exception, so that forgetting to look at the answer cannot let a request pass; another tenant's objects are refused as
if they did not exist; what a list may not show does not reach it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar, TypeVar

from policies.decision import PolicyEngine
from policies.errors import PolicyError
from policies.explain import refusal
from policies.request import Request
from policies.verdict import Decision
from policies.vocabulary import Door

Item = TypeVar("Item")


class Denied(PolicyError):
    """The policies refuse. The message is safe to show to the caller.

    Attributes:
        decision: the refusal itself, for the audit entry.
        hidden: whether the caller must not learn that the object exists (HTTP answers 404).
    """

    code: ClassVar[str] = "policy_denied"

    def __init__(self, decision: Decision) -> None:
        super().__init__(refusal(decision))
        self.decision = decision
        self.hidden = decision.request.crosses_tenants


def enforce(engine: PolicyEngine, door: Door, request: Request) -> Decision:
    """Decide at a door, and go on only if allowed.

    Args:
        engine: the policies in force.
        door: who asks; written into the request's context.
        request: the question.

    Returns:
        The decision, allowed, for the audit entry.

    Raises:
        Denied: the policies refuse, or could not be evaluated.
    """
    decision = engine.decide(_asked_at(door, request))
    if not decision.allowed:
        raise Denied(decision)
    return decision


def filter_allowed(
    engine: PolicyEngine, door: Door, items: Iterable[Item], question: Callable[[Item], Request]
) -> list[Item]:
    """The items whose question is allowed, in their order. Counts must be taken of this, never of what went in."""
    return [item for item in items if engine.decide(_asked_at(door, question(item))).allowed]


def _asked_at(door: Door, request: Request) -> Request:
    return replace(request, context=replace(request.context, door=door))
