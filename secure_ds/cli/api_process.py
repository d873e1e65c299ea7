"""What the API process runs. It loads neither SEAL nor PKCS#11, so that it could not decrypt if it were taken over."""

from api.app import create_app
from api.server import serve_tcp
from api.settings import ApiSettings
from secure_ds.assembly import build_service_context
from secure_ds.core.settings import Settings
from secure_ds.services.facade import Services


def run_api(settings: Settings) -> None:
    """Serve the REST API until SIGTERM."""
    limits = ApiSettings(
        max_json_bytes=settings.max_json_bytes,
        max_blob_bytes=settings.max_blob_bytes,
        max_streams=settings.api_threads // 2,
    )
    serve_tcp(
        lambda: create_app(Services(build_service_context(settings)), limits),
        settings.api_host,
        settings.api_port,
        settings.api_threads,
    )
