"""The composition root of API and worker: from settings to parts. The only place that picks implementations.

Both get database, blobs, policies and the custodian's socket; neither gets the key store or its PIN. The custodian's
parts are put together in `secure_ds.custodian.assembly`, in its own process.
"""

from policies import PolicyEngine, shipped_directory
from secure_ds.core.clock import SystemClock
from secure_ds.core.settings import Settings
from secure_ds.services.context import ServiceContext
from secure_ds.services.custody import RpcCustody
from secure_ds.store.blobs_local import LocalBlobs
from secure_ds.store.engine import make_engine
from secure_ds.store.unit_of_work import Store


def open_store(settings: Settings) -> Store:
    """The database. Raises `UnsupportedDatabase`."""
    return Store(make_engine(settings.database), SystemClock())


def build_service_context(settings: Settings) -> ServiceContext:
    """The parts of an API or worker process. Build it after any fork."""
    return ServiceContext(
        store=open_store(settings),
        blobs=LocalBlobs(settings.blobs),
        policy=PolicyEngine.load(shipped_directory()),
        custody=RpcCustody.over_socket(settings.socket),
        clock=SystemClock(),
        origin=settings.origin,
        max_blob_bytes=settings.max_blob_bytes,
        evaluators=settings.allowed_evaluators,
        confirmation_seconds=settings.confirmation_seconds,
        resources=settings.resources,
        trainer=settings.trainer,
    )
