"""What the worker process runs. It loads SEAL, and nothing that could open a token."""

import signal

from secure_ds.assembly import build_service_context
from secure_ds.core.settings import Settings
from secure_ds.worker.loop import Worker


def run_worker(settings: Settings) -> None:
    """Claim and carry out work until SIGTERM."""
    worker = Worker(
        build_service_context(settings),
        lease_seconds=settings.lease_seconds,
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    signal.signal(signal.SIGINT, lambda *_: worker.stop())
    worker.run()
