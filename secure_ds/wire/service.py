"""Messages about keys, policies, health and errors."""

from typing import Any

from pydantic import Field

from secure_ds.wire.base import Base64, Message, Purpose


class PublicKeys(Message):
    """The service's public keys, which clients pin: what they seal to and what they verify with (PEM and DER)."""

    sealing_key: Base64 = Field(description="P-256 point, uncompressed; HPKE recipient of CKKS secret keys")
    certificate_key: str = Field(description="PEM; signs model certificates")
    checkpoint_key: str = Field(description="C2SP verifier key text of the audit log's checkpoints")
    keystore: str = Field(description="what holds the private halves; a key store that protects nothing says INSECURE")


class KeyView(Message):
    """A key's public facts; never material."""

    label: str
    version: int
    purpose: str
    algorithm: str
    state: str
    key_id: str


class PolicySetView(Message):
    """The policies in force."""

    version: str
    policies: dict[str, str] = Field(description="Cedar source by policy id")


class ExplainRequest(Message):
    """Ask what the policies would say about an action of the caller's own on an object."""

    action: str = Field(pattern=r"^[a-z]{1,32}:[a-z_]{1,32}$")
    object_id: str | None = Field(default=None, pattern=r"^[a-z0-9_]{1,64}$")
    purpose: Purpose | None = None


class ExplainView(Message):
    """A decision in plain words."""

    allowed: bool
    policy_ids: list[str]
    policy_version: str
    explanation: str


class Health(Message):
    """That a process answers."""

    status: str


class Readiness(Message):
    """Whether the service can take work, part by part."""

    ready: bool
    parts: dict[str, str]


class WhoAmI(Message):
    """The caller as the service sees them."""

    id: str
    tenant: str
    roles: list[str]
    purposes: list[str]
    clearance: int
    expires_at: str | None = None


class Problem(Message):
    """RFC 9457 problem details with a stable `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    request_id: str | None = None
    remedy: str | None = None
    facts: dict[str, Any] | None = None
