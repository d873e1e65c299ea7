"""Which jobs, and so which models, learn from which data sets; in a collaboration it is several, of several tenants."""

from typing import Any

from sqlalchemy import Column, ColumnElement, select

from secure_ds.store.tables import datasets, job_datasets


def learns_from(job_id: Column[Any], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that the job in that column learns from a data set that meets the other one."""
    joined = job_datasets.join(datasets, job_datasets.c.dataset_id == datasets.c.id)
    return job_id.in_(select(job_datasets.c.job_id).select_from(joined).where(condition))
