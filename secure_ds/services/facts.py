"""Facts for the policies, taken from verified rows only."""

from policies.entities import AuditLog, Dataset, Job, KeySet, Model, PolicySet, Tenant, User
from policies.vocabulary import Role as PolicyRole
from secure_ds.core.principal import Principal
from secure_ds.store.rows import DatasetSummary, JobRow, ModelRow

__all__ = ["AuditLog", "KeySet", "PolicySet", "Tenant", "dataset_facts", "job_facts", "model_facts", "user_facts"]


def user_facts(principal: Principal) -> User:
    """The person who asks."""
    return User(
        id=principal.id,
        tenant=principal.tenant,
        roles=frozenset(PolicyRole(role) for role in principal.roles),
        purposes=principal.purposes,
        clearance=principal.clearance,
    )


def dataset_facts(row: DatasetSummary) -> Dataset:
    """A data set as the policies see it."""
    return Dataset(
        id=row.id,
        tenant=row.tenant,
        data_owner=row.owner,
        sensitivity=row.sensitivity,
        purposes=frozenset(row.purposes),
        state=row.state,
    )


def job_facts(job: JobRow, dataset: DatasetSummary) -> Job:
    """A job as the policies see it."""
    return Job(id=job.id, tenant=job.tenant, data_owner=dataset.owner, submitter=job.submitter)


def model_facts(model: ModelRow, job: JobRow, dataset: DatasetSummary) -> Model:
    """A model as the policies see it: as sensitive as its data, bound to its job's purpose."""
    return Model(
        id=model.id,
        tenant=model.tenant,
        data_owner=dataset.owner,
        submitter=job.submitter,
        sensitivity=dataset.sensitivity,
        purpose=job.purpose,
    )
