"""What the worker process runs. It loads SEAL, and nothing that could open a token."""

import signal
from dataclasses import replace

from secure_ds.assembly import build_service_context
from secure_ds.core.settings import Settings
from secure_ds.worker.identity import open_identity
from secure_ds.worker.loop import Worker


def run_worker(settings: Settings, *, confirms_only: bool = False) -> None:
    """Claim and carry out work until SIGTERM.

    Args:
        settings: of this process.
        confirms_only: leave to others everything that needs the custodian.

    Raises:
        PrivateKeyUnusable, EvaluatorUnlisted: the worker's key cannot be used; nothing was claimed.
    """
    context = build_service_context(settings)
    if settings.evaluator_key is not None:
        identity = open_identity(settings.evaluator_key, settings.allowed_evaluators)
        context = replace(context, evaluator=identity, confirms_only=confirms_only)
    worker = Worker(context, lease_seconds=settings.lease_seconds, checkpoint_seconds=settings.checkpoint_seconds)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    signal.signal(signal.SIGINT, lambda *_: worker.stop())
    worker.run()
