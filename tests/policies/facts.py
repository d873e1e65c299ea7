"""Principals and resources that tests start from: one hospital, one insurer."""

from policies import Collaboration, Dataset, Job, KeySet, Model, Role, Service, ServiceKind, Tenant, User

HOSPITAL, INSURER = "hospital", "insurer"


def user(
    *roles: str,
    id: str = "ada",
    tenant: str = HOSPITAL,
    purposes: tuple[str, ...] = ("research",),
    clearance: int = 2,
) -> User:
    return User(
        id=id,
        tenant=tenant,
        roles=frozenset(roles),  # type: ignore[arg-type]  # tests may invent roles
        purposes=frozenset(purposes),
        clearance=clearance,
    )


def worker(tenant: str = HOSPITAL) -> Service:
    return Service(id="worker", tenant=tenant, kind=ServiceKind.WORKER)


def dataset(
    id: str = "ds",
    tenant: str = HOSPITAL,
    data_owner: str = "owner",
    sensitivity: int = 2,
    purposes: tuple[str, ...] = ("research",),
    state: str = "ready",
    collaboration: str | None = None,
    partners: tuple[str, ...] = (),
) -> Dataset:
    return Dataset(
        id=id,
        tenant=tenant,
        data_owner=data_owner,
        sensitivity=sensitivity,
        purposes=frozenset(purposes),
        state=state,
        collaboration=collaboration,
        partners=frozenset(partners),
    )


def collaboration(*members: str) -> Collaboration:
    return Collaboration(
        id="collab",
        tenant=HOSPITAL,
        members=frozenset(members or {HOSPITAL, INSURER}),
        purposes=frozenset({"research"}),
    )


def job(tenant: str = HOSPITAL, submitter: str = "ada") -> Job:
    return Job(id="job", tenant=tenant, data_owners=frozenset({"owner"}), submitter=submitter)


def model(tenant: str = HOSPITAL, submitter: str = "ada") -> Model:
    owners = frozenset({"owner"})
    return Model(id="model", tenant=tenant, data_owners=owners, submitter=submitter, sensitivity=2, purpose="research")


def key_set(tenant: str = HOSPITAL, state: str = "ready") -> KeySet:
    return KeySet(id="key", tenant=tenant, purposes=frozenset({"research"}), state=state)


def hospital() -> Tenant:
    return Tenant(id=HOSPITAL)


ENGINEER = user(Role.ML_ENGINEER)

OVERFLOWING = """
@id("overflows") @says("Never.")
forbid (principal is User, action, resource)
when { principal.clearance * 9223372036854775807 < 0 };
"""
"""A forbid that is never meant to hold, and that errors for everyone above clearance 1."""
