"""The closed sets of words that principals, resources and contexts are described with.

Values are stable: policies compare them and the audit log stores them.
"""

from enum import StrEnum


class Role(StrEnum):
    """What a user may be. One user may hold several roles."""

    COMPLIANCE_OFFICER = "compliance_officer"
    DATA_OWNER = "data_owner"
    ML_ENGINEER = "ml_engineer"
    OPERATOR = "operator"
    SECURITY_OFFICER = "security_officer"


class ServiceKind(StrEnum):
    """Processes of the service that act without a user in front of them."""

    CUSTODIAN = "custodian"
    WORKER = "worker"


class Door(StrEnum):
    """Where a decision is asked for: at the edge, inside the use case, and before a key is used."""

    CUSTODIAN = "custodian"
    HTTP = "http"
    USE_CASE = "use_case"


class DatasetState(StrEnum):
    """States of a data set that the policies know; any other is refused."""

    UPLOADING = "uploading"
    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"
    ROTATED = "rotated"
    SHREDDED = "shredded"
