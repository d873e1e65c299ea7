"""Who is asking: a person with roles in a tenant, or one of the service's own processes.

A principal is built from verified sources only (the token's row, the process's own identity), never from a request
body.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may be; the policies say what each may do."""

    COMPLIANCE_OFFICER = "compliance_officer"
    DATA_OWNER = "data_owner"
    ML_ENGINEER = "ml_engineer"
    OPERATOR = "operator"
    SECURITY_OFFICER = "security_officer"


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified attributes of whoever asks.

    `clearance` is 0 (public) to 3 (most sensitive); `kind` is "user", or "service" for the worker and the custodian.
    """

    id: str
    tenant: str
    roles: frozenset[Role]
    purposes: frozenset[str]
    clearance: int
    kind: str = "user"


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal in one request."""

    principal: Principal
    request_id: str
    network_zone: str = "internal"
