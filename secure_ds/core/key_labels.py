"""Names of the keys that belong to one tenant, or to one collaboration: no two share one, and only whose they are sees
them."""

import hashlib
import re
from collections.abc import Collection
from typing import Final

_PLAIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,57}")  # what a key store takes behind the prefix
_NAMED: Final = "wrap/"
_DIGESTED: Final = "wrap-digest/"
_GROUP: Final = "group/"


def wrapping_label(tenant: str) -> str:
    """Return the label of a tenant's wrapping key: by its name where a label can hold that, else by its digest."""
    if _PLAIN.fullmatch(tenant):
        return _NAMED + tenant
    return _DIGESTED + hashlib.sha256(tenant.encode()).hexdigest()[:48]


def group_label(collaboration_id: str) -> str:
    """Return the label of the wrapping key of a collaboration."""
    return _GROUP + collaboration_id


def is_of_another_tenant(label: str, tenant: str, collaborations: Collection[str] = ()) -> bool:
    """Tell whether a key is some tenant's or collaboration's, but not this tenant's and of none it is a member of.

    Keys of the service itself are nobody's.

    Args:
        collaborations: ids of those that the tenant is a member of.
    """
    if label.startswith(_GROUP):
        return label.removeprefix(_GROUP) not in collaborations
    return label.startswith((_NAMED, _DIGESTED)) and label != wrapping_label(tenant)
