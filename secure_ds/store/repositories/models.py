"""Trained models: one per job, certified once, then released."""

from collections.abc import Sequence

from sqlalchemy import or_

from secure_ds.core.digest import digest_bytes
from secure_ds.store.errors import CertificateConflict
from secure_ds.store.repositories.base import Repository, add, change, find, page, require, values_of
from secure_ds.store.repositories.taking_part import learns_from
from secure_ds.store.rows import ModelRow
from secure_ds.store.tables import datasets, models


class Models(Repository):
    """The models of all tenants."""

    def add(self, row: ModelRow) -> None:
        """Add a model. Raises `AlreadyExists`, also when its job has one."""
        add(self._connection, models, values_of(row), f"model {row.id}, or another model of {row.job_id},")

    def get(self, model_id: str) -> ModelRow | None:
        """Return a model, or None."""
        return find(self._connection, models, ModelRow, models.c.id == model_id)

    def by_job(self, job_id: str) -> ModelRow | None:
        """Return the model that a job made, or None."""
        return find(self._connection, models, ModelRow, models.c.job_id == job_id)

    def list(self, tenant: str | None, after: str | None, limit: int) -> Sequence[ModelRow]:
        """Return a page of a tenant's models (of all, for None), newest first. Raises `UnknownCursor`.

        A tenant's models are those it trained and those that were trained on its data.
        """
        of_its_data = learns_from(models.c.job_id, datasets.c.tenant == tenant)
        conditions = [] if tenant is None else [or_(models.c.tenant == tenant, of_its_data)]
        return page(self._connection, models, ModelRow, models.c.created_at, conditions, after, limit)

    def certify(self, model_id: str, certificate: bytes) -> ModelRow:
        """Attach the signed certificate and return the model; the same again changes nothing.

        Raises:
            NotFound: there is no such model.
            CertificateConflict: it has another certificate.
        """
        row = require(self._connection, models, ModelRow, model_id)
        if row.certificate is not None and row.certificate != certificate:
            raise CertificateConflict(f"model {model_id} has another certificate already")
        digest = digest_bytes(certificate)
        return change(self._connection, models, row, certificate=certificate, certificate_digest=digest)

    def release(self, model_id: str) -> ModelRow:
        """Let a model leave and return it; again changes nothing. Raises `NotFound`."""
        row = require(self._connection, models, ModelRow, model_id)
        return change(self._connection, models, row, released=True)
