"""The Flask application: routes, problems and surroundings put together around the verbs it is handed."""

import json
from functools import cache

from flask import Flask, request

from api.authentication import authenticate
from api.blueprints import BLUEPRINTS
from api.metrics import Metrics
from api.openapi import RawBody
from api.openapi.binding import Givers
from api.openapi.document import build_document
from api.problems import register_problems
from api.request_scope import surround_requests
from api.settings import ApiSettings
from api.stream_slots import StreamSlots
from api.verbs import Verbs
from secure_ds import __version__
from secure_ds.core.principal import Caller

TITLE = "secure_ds"
DESCRIPTION = (
    "Trains models on data that the service never sees in the clear: CKKS ciphertexts, differential privacy, "
    "keys in an HSM, policy at every door, every operation in a verifiable log. "
    "Errors are RFC 9457 problem documents with a stable `code`."
)


def create_app(verbs: Verbs, settings: ApiSettings) -> Flask:
    """Return the application; it holds no state but its metrics and the count of open streams."""
    app = Flask("api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_json_bytes
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    metrics = Metrics()
    surround_requests(app, metrics)
    register_problems(app)
    app.extensions["givers"] = _givers(verbs, settings, metrics)
    app.extensions["openapi"] = _document_text()
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def api_document() -> dict[str, object]:
    """Return the OpenAPI document of all routes."""
    operations = [operation for blueprint in BLUEPRINTS for operation in blueprint.operations]
    tags = [(blueprint.tag, blueprint.description) for blueprint in BLUEPRINTS]
    return build_document(TITLE, __version__, DESCRIPTION, tags, operations)


@cache
def _document_text() -> str:
    return json.dumps(api_document())


def _givers(verbs: Verbs, settings: ApiSettings, metrics: Metrics) -> Givers:
    slots = StreamSlots(settings.max_streams)
    return {
        Verbs: lambda: verbs,
        ApiSettings: lambda: settings,
        Metrics: lambda: metrics,
        StreamSlots: lambda: slots,
        Caller: lambda: authenticate(request, verbs, settings),
        RawBody: lambda: RawBody(request, settings.max_blob_bytes),
    }
