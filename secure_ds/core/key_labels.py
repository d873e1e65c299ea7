"""Names of the keys that belong to one tenant: no two tenants share one, and only their own is shown to them."""

import hashlib
import re
from typing import Final

_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,57}")  # what a key store takes behind the prefix
_NAMED: Final = "wrap/"
_DIGESTED: Final = "wrap-digest/"


def wrapping_label(tenant: str) -> str:
    """Return the label of a tenant's wrapping key: by its name where a label can hold that, else by its digest."""
    if _PLAIN.fullmatch(tenant):
        return _NAMED + tenant
    return _DIGESTED + hashlib.sha256(tenant.encode()).hexdigest()[:48]


def is_of_another_tenant(label: str, tenant: str) -> bool:
    """Tell whether a key is some tenant's, but not this one's. Keys of the service itself are nobody's."""
    return label.startswith((_NAMED, _DIGESTED)) and label != wrapping_label(tenant)
