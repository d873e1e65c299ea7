"""The public facts of the service's keys."""

from api.openapi import OperationBlueprint
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.base import Page
from secure_ds.wire.service import KeyView, PublicKeys

keys = OperationBlueprint("keys", "Public facts of keys; never material.")


@keys.operation("GET", "/v1/keys")
def list_keys(verbs: Verbs, caller: Caller) -> Page[KeyView]:
    """List the service's keys: labels, versions, purposes and states."""
    return verbs.list_keys(caller)


@keys.operation("GET", "/v1/keys/public")
def public_keys(verbs: Verbs) -> PublicKeys:
    """Return the public keys that clients pin: to seal to and to verify with."""
    return verbs.public_keys()
