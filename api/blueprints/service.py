"""The service itself: who the caller is, health, metrics, and this API's own description."""

from flask import Response, current_app

from api.metrics import Metrics
from api.openapi import OperationBlueprint
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.service import Health, Readiness, WhoAmI

service = OperationBlueprint("service", "Health, metrics and the caller's own attributes.")


@service.operation("GET", "/v1/whoami")
def who_am_i(verbs: Verbs, caller: Caller) -> WhoAmI:
    """Return the caller as the service sees them."""
    return verbs.who_am_i(caller)


@service.operation("GET", "/healthz")
def healthz() -> Health:
    """Tell that this process answers."""
    return Health(status="ok")


@service.operation("GET", "/readyz", also=(503,), model=Readiness)
def readyz(verbs: Verbs) -> Response:
    """Tell whether the service can take work, part by part; 503 when it cannot."""
    readiness = verbs.readiness()
    return Response(readiness.model_dump_json(), 200 if readiness.ready else 503, mimetype="application/json")


@service.operation("GET", "/metrics", media=("text/plain",))
def metrics(metrics: Metrics) -> bytes:
    """Return this process' metrics in Prometheus' text format."""
    return metrics.expose()


@service.operation("GET", "/openapi.json")
def openapi_document() -> Response:
    """Return this document."""
    return Response(current_app.extensions["openapi"], mimetype="application/json")
