"""Trained models, their weights and their certificates."""

from api.openapi import OperationBlueprint
from api.openapi.operation import OCTETS
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.base import ModelId, Page, PageQuery
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.models import ModelView

models = OperationBlueprint("models", "Released models, with signed statements of how private they are.")
DSSE = "application/vnd.dsse.envelope.v1+json"


@models.operation("GET", "/v1/models", problems=(404,))
def list_models(verbs: Verbs, caller: Caller, query: PageQuery) -> Page[ModelView]:
    """List the models that the caller may see."""
    return verbs.list_models(caller, query.cursor, query.limit)


@models.operation("GET", "/v1/models/{model_id}")
def show_model(verbs: Verbs, caller: Caller, model_id: ModelId) -> ModelView:
    """Show a model."""
    return verbs.show_model(caller, model_id)


@models.operation("GET", "/v1/models/{model_id}/weights", media=(OCTETS,))
def download_weights(verbs: Verbs, caller: Caller, model_id: ModelId) -> bytes:
    """Download a model's weights (safetensors)."""
    return verbs.download_weights(caller, model_id)


@models.operation("GET", "/v1/models/{model_id}/certificate", media=(DSSE,), model=Envelope)
def download_certificate(verbs: Verbs, caller: Caller, model_id: ModelId) -> bytes:
    """Download a model's certificate: an in-toto statement in a DSSE envelope, verifiable offline."""
    return verbs.download_certificate(caller, model_id)
