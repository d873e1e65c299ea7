"""Read and fetch released models."""

from collections.abc import Sequence
from dataclasses import replace

from policies.actions import Action
from policies.enforcement import filter_allowed
from policies.entities import Tenant
from policies.request import Request
from policies.vocabulary import Door
from secure_ds.core.principal import Caller
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import NotFound
from secure_ds.services.facts import model_facts, user_facts
from secure_ds.services.gate import Subject, permit, verb
from secure_ds.services.lookups import find_job, find_model, page
from secure_ds.services.parties import subject_of
from secure_ds.services.views import model_view
from secure_ds.store.rows import ModelRow
from secure_ds.wire.base import Page
from secure_ds.wire.models import ModelView


@verb(Action.MODEL_LIST)
def list_models(context: ServiceContext, caller: Caller, cursor: str | None = None, limit: int = 50) -> Page[ModelView]:
    """Return the released models that the caller may read, newest first."""
    tenant = caller.principal.tenant
    user = user_facts(caller.principal)
    with context.store.write() as work:
        permit(context, work, caller, Action.MODEL_LIST, Tenant(id=tenant), Subject())
    with context.store.read() as work:

        def may_see(rows: Sequence[ModelRow]) -> Sequence[ModelRow]:
            def question(row: ModelRow) -> Request:
                return Request(user, Action.MODEL_READ, model_facts(row, *find_job(work, row.job_id)))

            released = [row for row in rows if row.released]
            return filter_allowed(context.policy, Door.HTTP, released, question)

        return page(lambda after: work.models.list(tenant, after, limit + 1), may_see, model_view, cursor, limit)


@verb(Action.MODEL_READ)
def show_model(context: ServiceContext, caller: Caller, model_id: str) -> ModelView:
    """Return one released model's card."""
    return model_view(_permitted(context, caller, Action.MODEL_READ, model_id))


@verb(Action.MODEL_DOWNLOAD)
def download_weights(context: ServiceContext, caller: Caller, model_id: str) -> bytes:
    """Return the weights, as safetensors."""
    return _permitted(context, caller, Action.MODEL_DOWNLOAD, model_id).weights


@verb(Action.MODEL_READ)
def download_certificate(context: ServiceContext, caller: Caller, model_id: str) -> bytes:
    """Return the certificate, a DSSE envelope as JSON."""
    certificate = _permitted(context, caller, Action.MODEL_READ, model_id).certificate
    if certificate is None:
        raise NotFound("this model has no certificate")
    return certificate


def _permitted(context: ServiceContext, caller: Caller, action: Action, model_id: str) -> ModelRow:
    with context.store.write() as work:
        model, job, datasets = find_model(work, model_id)
        subject = replace(subject_of(caller, job.id, datasets), model_id=model.id)
        permit(context, work, caller, action, model_facts(model, job, datasets), subject, weights=model.weights_digest)
        return model
