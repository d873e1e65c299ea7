"""The question a decision answers: principal, action, resource and what is known about this one request.

A fact that is not known is absent, never a default that could pass for knowledge: a policy that needs it refuses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from policies.actions import Action
from policies.entities import Principal, Resource
from policies.errors import InvalidFactsError
from policies.vocabulary import Door

MICRO = 1_000_000
"""Units of epsilon facts: 1e-6."""

_LARGEST_EPSILON = 1_000_000


def epsilon_in_micro(epsilon: float) -> int:
    """Epsilon as the integer that contexts carry, rounded to the nearest 1e-6.

    Nearest, so that a budget computed as 0.9999999999 and a wish of 1.0 compare as equal. The exact guard is the
    ledger's; this is the value that policies compare and the record shows.

    Raises:
        InvalidFactsError: `epsilon` is not finite, or too large to mean any privacy.
    """
    exact = Decimal(epsilon)
    if not exact.is_finite() or abs(exact) > _LARGEST_EPSILON:
        raise InvalidFactsError(f"epsilon must be a finite number within ±{_LARGEST_EPSILON}, not {epsilon}")
    return int((exact * MICRO).to_integral_value(ROUND_HALF_EVEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known about this one request. Facts that are `None` are absent, and policies that need them refuse.

    `now` and `zone` are for policies that a deployment adds; the shipped ones do not read them.
    """

    door: Door = Door.HTTP
    purpose: str | None = None
    collaboration: str | None = None
    """The collaboration that a job names."""
    release: str | None = None
    """`private` or `to_owner`: whether answers carry noise, or are sealed to the data's owner without any."""
    epsilon_asked: int | None = None
    """Units of 1e-6; see `epsilon_in_micro`."""
    epsilon_left: int | None = None
    """Units of 1e-6; see `epsilon_in_micro`."""
    now: int | None = None
    """Seconds since 1970-01-01T00:00:00Z."""
    zone: str | None = None
    """Network zone of the caller, as the deployment names it."""

    def to_cedar(self) -> dict[str, Any]:
        """The facts that are known, in Cedar's JSON form."""
        facts = asdict(self) | {"door": str(self.door)}
        return {name: value for name, value in facts.items() if value is not None}


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes with references to entities written as the bare id."""
    return {name: _bare(value) for name, value in attributes.items()}


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return value["__entity"]["id"] if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may `principal` do `action` to `resource`, in this `context`?"""

    principal: Principal
    action: Action
    resource: Resource
    context: Context = field(default_factory=Context)

    @property
    def crosses_tenants(self) -> bool:
        """Whether the resource belongs to other tenants than the principal's, and to them it does not exist."""
        return self.principal.tenant not in self.resource.known_to

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Every fact by variable: `principal`, `resource` (each with its tenant) and `context`."""
        return {
            "principal": _plain(self.principal.attributes()) | {"tenant": self.principal.tenant},
            "resource": _plain(self.resource.attributes()) | {"tenant": self.resource.tenant},
            "context": self.context.to_cedar(),
        }
