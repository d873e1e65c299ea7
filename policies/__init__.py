"""Who may do what: Cedar policies, decisions as values, and the doors that enforce them.

A leaf of the project: it imports none of its other packages. Facts are handed in; decisions are handed back.
"""

from policies.actions import Action
from policies.decision import PolicyEngine
from policies.enforcement import Denied, enforce, filter_allowed
from policies.entities import (
    AuditLog,
    Collaboration,
    Dataset,
    Job,
    KeySet,
    Model,
    Network,
    PolicySet,
    Prediction,
    Principal,
    Resource,
    Service,
    Tenant,
    User,
)
from policies.errors import CaseFileError, InvalidFactsError, PolicyError, PolicyLoadError
from policies.explain import explain, refusal
from policies.request import Context, Request, epsilon_in_micro
from policies.sources import shipped_directory
from policies.verdict import Basis, Decision
from policies.vocabulary import DatasetState, Door, Role, ServiceKind

__all__ = [
    "Action",
    "AuditLog",
    "Basis",
    "CaseFileError",
    "Collaboration",
    "Context",
    "Dataset",
    "DatasetState",
    "Decision",
    "Denied",
    "Door",
    "InvalidFactsError",
    "Job",
    "KeySet",
    "Model",
    "Network",
    "PolicyEngine",
    "PolicyError",
    "PolicyLoadError",
    "PolicySet",
    "Prediction",
    "Principal",
    "Request",
    "Resource",
    "Role",
    "Service",
    "ServiceKind",
    "Tenant",
    "User",
    "enforce",
    "epsilon_in_micro",
    "explain",
    "filter_allowed",
    "refusal",
    "shipped_directory",
]
