"""What a job would cost."""

from api.openapi import OperationBlueprint
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.jobs import QuoteView, TrainingRequest

quotes = OperationBlueprint("quotes", "The cost of a job before anything is spent.")


@quotes.operation("POST", "/v1/quotes", problems=(404, 409))
def quote_job(verbs: Verbs, caller: Caller, body: TrainingRequest) -> QuoteView:
    """Quote a job: privacy, precision, bytes and seconds."""
    return verbs.quote_job(caller, body)
