"""Who asks, and what for: principals and resources as frozen values.

Rules kept here:

* every attribute comes from a source the caller verified (a token, the database, an owner-signed descriptor), never
  from a request body;
* a value that cannot be is refused when it is built (`InvalidFactsError`), not passed on to be misread;
* the tenant of a resource is its Cedar parent, so that one policy asks "own tenant?" of every kind of resource. What
  several tenants share has them all as parents.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from policies.errors import InvalidFactsError
from policies.vocabulary import Role, ServiceKind

LEVELS = range(4)
"""Clearance, sensitivity and assurance: 0 (public, anonymous) to 3 (highest)."""


def _reference(cedar_type: str, identifier: str) -> dict[str, Any]:
    return {"__entity": {"type": cedar_type, "id": identifier}}


def _references(cedar_type: str, identifiers: frozenset[str]) -> list[dict[str, Any]]:
    return [_reference(cedar_type, identifier) for identifier in sorted(identifiers)]


def _require_level(name: str, value: int) -> None:
    if isinstance(value, bool) or value not in LEVELS:
        raise InvalidFactsError(f"{name} must be 0, 1, 2 or 3, not {value!r}")


def _require_text(name: str, value: str) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidFactsError(f"{name} must be a non-empty string")


def _require_words(name: str, values: frozenset[str]) -> None:
    # A bare string is a set of letters to Python, and would grant or allow something nobody wrote.
    if not isinstance(values, frozenset) or not all(isinstance(value, str) and value for value in values):
        raise InvalidFactsError(f"{name} must be a frozenset of non-empty strings")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "id": _require_text,
    "tenant": _require_text,
    "data_owner": _require_text,
    "data_owners": _require_words,
    "members": _require_words,
    "partners": _require_words,
    "submitter": _require_text,
    "roles": _require_words,
    "purposes": _require_words,
    "clearance": _require_level,
    "sensitivity": _require_level,
    "assurance": _require_level,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Something with an identity, in one tenant, or in several that share it."""

    cedar_type: ClassVar[str]
    id: str
    tenant: str

    def __post_init__(self) -> None:
        """Refuse facts that cannot be.

        Raises:
            InvalidFactsError: a name is empty, a set is not a frozenset of words, or a level is outside 0..3.
        """
        for name, check in _CHECKS.items():
            if hasattr(self, name):
                check(name, getattr(self, name))

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants it belongs to."""
        return frozenset({self.tenant})

    @property
    def known_to(self) -> frozenset[str]:
        """The tenants that may know that it exists."""
        return self.tenants

    def uid(self) -> dict[str, str]:
        """The Cedar identity: `{"type": ..., "id": ...}`."""
        return {"type": self.cedar_type, "id": self.id}

    def attributes(self) -> dict[str, Any]:
        """Cedar attributes, in Cedar's JSON form."""
        return {}

    def to_cedar(self) -> dict[str, Any]:
        """The entity in Cedar's JSON form, with its tenants as its parents."""
        parents = [{"type": "Tenant", "id": tenant} for tenant in sorted(self.tenants)]
        return {"uid": self.uid(), "attrs": self.attributes(), "parents": parents}


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Entity):
    """A person, as their verified token and the database describe them."""

    cedar_type: ClassVar[str] = "User"
    roles: frozenset[Role]
    purposes: frozenset[str]
    clearance: int
    assurance: int = 1

    def attributes(self) -> dict[str, Any]:
        """Tenant, roles, purposes, clearance and assurance."""
        return {
            "tenant": _reference("Tenant", self.tenant),
            "roles": sorted(map(str, self.roles)),
            "purposes": sorted(self.purposes),
            "clearance": self.clearance,
            "assurance": self.assurance,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Entity):
    """A process of the service; `tenant` is the one on whose behalf it works (that of the job's submitter)."""

    cedar_type: ClassVar[str] = "Service"
    kind: ServiceKind

    def attributes(self) -> dict[str, Any]:
        """Tenant and kind."""
        return {"tenant": _reference("Tenant", self.tenant), "kind": str(self.kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant(Entity):
    """A tenant as a resource: what lists and new data sets are asked of. It is its own tenant."""

    cedar_type: ClassVar[str] = "Tenant"
    tenant: str = field(init=False)

    def __post_init__(self) -> None:
        """A tenant belongs to itself.

        Raises:
            InvalidFactsError: the id is empty.
        """
        object.__setattr__(self, "tenant", self.id)
        Entity.__post_init__(self)

    def to_cedar(self) -> dict[str, Any]:
        """The entity in Cedar's JSON form. Tenants do not nest, so it has no parent."""
        return {"uid": self.uid(), "attrs": {}, "parents": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared(Entity):
    """What a collaboration's key covers: its data sets, and that key as it may be used on each of them.

    Attributes:
        collaboration: the one whose key it is; None where the key is the data set's own.
        partners: tenants that may train on it there: the members while the owner's consent holds, then none.
    """

    collaboration: str | None = None
    partners: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse facts that cannot be.

        Raises:
            InvalidFactsError: as every entity does; or there are partners without a collaboration.
        """
        Entity.__post_init__(self)
        if self.partners and self.collaboration is None:
            raise InvalidFactsError("a data set under a key of its own has no partners")

    @property
    def known_to(self) -> frozenset[str]:
        """Its own tenant, and those it is shared with."""
        return self.tenants | self.partners

    def attributes(self) -> dict[str, Any]:
        """Partners, and the collaboration where there is one."""
        partners: dict[str, Any] = {"partners": _references("Tenant", self.partners)}
        return partners | ({} if self.collaboration is None else {"collaboration": self.collaboration})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Shared):
    """A data set. `purposes` are those its owner signed; `state` may be a word no policy knows, and is then refused."""

    cedar_type: ClassVar[str] = "Dataset"
    data_owner: str
    sensitivity: int
    purposes: frozenset[str]
    state: str

    def attributes(self) -> dict[str, Any]:
        """Owner, sensitivity, purposes, state and what it is shared with."""
        return Shared.attributes(self) | {
            "data_owner": _reference("User", self.data_owner),
            "sensitivity": self.sensitivity,
            "purposes": sorted(self.purposes),
            "state": self.state,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaboration(Entity):
    """Several tenants that train together; `tenant` is the one that called for it, `members` are all of them."""

    cedar_type: ClassVar[str] = "Collaboration"
    members: frozenset[str]
    purposes: frozenset[str]

    @property
    def tenants(self) -> frozenset[str]:
        """Every member."""
        return self.members

    def attributes(self) -> dict[str, Any]:
        """Purposes; the members are its parents."""
        return {"purposes": sorted(self.purposes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Entity):
    """What comes of data: a job and its model. It also belongs to `partners`, the other tenants whose data it is of."""

    data_owners: frozenset[str]
    submitter: str
    partners: frozenset[str] = frozenset()

    @property
    def tenants(self) -> frozenset[str]:
        """The submitter's tenant and those of the data sets."""
        return frozenset({self.tenant}) | self.partners

    def attributes(self) -> dict[str, Any]:
        """Owners of the data and submitter."""
        return {
            "data_owners": _references("User", self.data_owners),
            "submitter": _reference("User", self.submitter),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Outcome):
    """A training job: who submitted it, and who owns the data it learns from."""

    cedar_type: ClassVar[str] = "Job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Outcome):
    """A trained model: as sensitive as its data, bound to the purpose its job was admitted for."""

    cedar_type: ClassVar[str] = "Model"
    sensitivity: int
    purpose: str

    def attributes(self) -> dict[str, Any]:
        """Owners of the data, submitter of the job, sensitivity and purpose."""
        return Outcome.attributes(self) | {
            "sensitivity": self.sensitivity,
            "purpose": self.purpose,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Entity):
    """A network that was handed in for encrypted predictions."""

    cedar_type: ClassVar[str] = "Network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Entity):
    """A request to apply a network to ciphertexts: who asked."""

    cedar_type: ClassVar[str] = "Prediction"
    submitter: str

    def attributes(self) -> dict[str, Any]:
        """Submitter."""
        return {"submitter": _reference("User", self.submitter)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet(Shared):
    """The CKKS secret key as it may be used on one data set, whose id, `purposes` and `state` it has."""

    cedar_type: ClassVar[str] = "KeySet"
    purposes: frozenset[str]
    state: str

    def attributes(self) -> dict[str, Any]:
        """Purposes and state of the data set, and what it is shared with."""
        return Shared.attributes(self) | {"purposes": sorted(self.purposes), "state": self.state}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog(Entity):
    """The audit log as one tenant may see it."""

    cedar_type: ClassVar[str] = "AuditLog"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet(Entity):
    """The policies as they apply to one tenant, and the decisions made by them."""

    cedar_type: ClassVar[str] = "PolicySet"


Principal: TypeAlias = User | Service
Resource: TypeAlias = (
    Tenant | Dataset | Collaboration | Job | Model | Network | Prediction | KeySet | AuditLog | PolicySet
)
