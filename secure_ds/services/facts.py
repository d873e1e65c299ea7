"""Facts for the policies, taken from verified rows only."""

from collections.abc import Sequence

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
    Tenant,
    User,
)
from policies.vocabulary import Role as PolicyRole
from secure_ds.core.principal import Principal
from secure_ds.store.rows import CollaborationRow, DatasetSummary, JobRow, ModelRow, NetworkRow, PredictionRow

__all__ = [
    "AuditLog",
    "KeySet",
    "PolicySet",
    "Tenant",
    "collaboration_facts",
    "dataset_facts",
    "job_facts",
    "model_facts",
    "network_facts",
    "prediction_facts",
    "user_facts",
]


def user_facts(principal: Principal) -> User:
    """The person who asks."""
    return User(
        id=principal.id,
        tenant=principal.tenant,
        roles=frozenset(PolicyRole(role) for role in principal.roles),
        purposes=principal.purposes,
        clearance=principal.clearance,
    )


def dataset_facts(row: DatasetSummary, partners: frozenset[str] = frozenset()) -> Dataset:
    """A data set as the policies see it.

    Args:
        row: the data set.
        partners: tenants that may train on it in its collaboration, where somebody looked whether consent holds.
    """
    return Dataset(
        id=row.id,
        tenant=row.tenant,
        data_owner=row.owner,
        sensitivity=row.sensitivity,
        purposes=frozenset(row.purposes),
        state=row.state,
        collaboration=row.collaboration_id,
        partners=partners,
    )


def collaboration_facts(row: CollaborationRow) -> Collaboration:
    """A collaboration as the policies see it."""
    return Collaboration(id=row.id, tenant=row.tenant, members=row.members, purposes=row.purposes)


def job_facts(job: JobRow, datasets: Sequence[DatasetSummary]) -> Job:
    """A job as the policies see it."""
    return Job(
        id=job.id,
        tenant=job.tenant,
        data_owners=frozenset(row.owner for row in datasets),
        submitter=job.submitter,
        partners=_other_tenants(job, datasets),
    )


def network_facts(row: NetworkRow) -> Network:
    """A network as the policies see it."""
    return Network(id=row.id, tenant=row.tenant)


def prediction_facts(row: PredictionRow) -> Prediction:
    """A prediction as the policies see it."""
    return Prediction(id=row.id, tenant=row.tenant, submitter=row.submitter)


def model_facts(model: ModelRow, job: JobRow, datasets: Sequence[DatasetSummary]) -> Model:
    """A model as the policies see it: as sensitive as the most sensitive of its data, bound to its job's purpose."""
    return Model(
        id=model.id,
        tenant=model.tenant,
        data_owners=frozenset(row.owner for row in datasets),
        submitter=job.submitter,
        partners=_other_tenants(job, datasets),
        sensitivity=max(row.sensitivity for row in datasets),
        purpose=job.purpose,
    )


def _other_tenants(job: JobRow, datasets: Sequence[DatasetSummary]) -> frozenset[str]:
    return frozenset(row.tenant for row in datasets) - {job.tenant}
