"""A decision as a value: what was asked, what came out, on what basis, and which facts were read.

Immutable, and allowed only on the basis of a permit. It is what the audit entry stores and what `explain` puts in
words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policies.request import Request
from policies.rules import Rule


class Basis(StrEnum):
    """What a decision rests on. Only `PERMIT` allows."""

    PERMIT = "permit"
    """At least one permit holds and no forbid does."""
    FORBID = "forbid"
    """At least one forbid holds; permits do not matter then."""
    NO_PERMIT = "no_permit"
    """No policy holds: what nothing permits is denied."""
    ERROR = "error"
    """Something could not be evaluated, or does not fit the schema."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request.

    Attributes:
        request: what was asked.
        basis: what the answer rests on.
        rules: the policies that determined it; for `NO_PERMIT` the permits that could have allowed it.
        errors: what could not be evaluated; empty unless `basis` is `ERROR`.
        attributes: facts that `rules` read, by `variable.attribute`.
        policy_version: digest (`sha256:<hex>`) of the policies that were asked.
    """

    request: Request
    basis: Basis
    rules: tuple[Rule, ...]
    errors: tuple[str, ...]
    attributes: Mapping[str, Any]
    policy_version: str

    @property
    def allowed(self) -> bool:
        """Whether the request may proceed."""
        return self.basis is Basis.PERMIT

    @property
    def policy_ids(self) -> tuple[str, ...]:
        """Names of the policies that determined the answer; empty when none did."""
        return tuple(rule.name for rule in self.rules) if self.basis in (Basis.PERMIT, Basis.FORBID) else ()

    def to_record(self) -> dict[str, Any]:
        """The decision for an audit entry: JSON values only, no floats, no secrets."""
        return {
            "action": str(self.request.action),
            "allowed": self.allowed,
            "attributes": dict(self.attributes),
            "basis": str(self.basis),
            "context": self.request.context.to_cedar(),
            "errors": list(self.errors),
            "policies": list(self.policy_ids),
            "policy_version": self.policy_version,
            "principal": self.request.principal.uid() | {"tenant": self.request.principal.tenant},
            "resource": self.request.resource.uid() | {"tenant": self.request.resource.tenant},
        }
