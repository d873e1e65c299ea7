"""One trainer's life: keys, one job, end.

Rules kept here: a failure is told by its code alone, and no trace of it is printed; whatever happens after the order
was read, the steps that were used are signed.
"""

from __future__ import annotations

from typing import Any, Final

from secure_ds.trainer.channel import Channel
from secure_ds.trainer.errors import StopRequested, TrainerError, WorkerGone
from secure_ds.trainer.job import run_job
from secure_ds.trainer.order import read_order
from secure_ds.trainer.releases import Releases
from secure_ds.trainer.session import Session

_UNKNOWN: Final = TrainerError.code


def serve(channel: Channel) -> int:
    """Carry out the job that comes over a channel.

    Returns:
        The exit status: 0 if the worker heard how it ended, 1 if it was gone.
    """
    session = Session()
    try:
        channel.send("hello", session_key=session.session_key, signing_key=session.signing_key)
        order = read_order(*channel.expect("job"))
        releases = Releases(order, session, channel)
        try:
            run_job(order, session, channel, releases)
        finally:
            releases.settle()
    except WorkerGone:
        return 1
    except StopRequested:
        return _last_word(channel, "stopped")
    except Exception as error:
        code = getattr(error, "code", None)
        return _last_word(channel, "failed", code=code if isinstance(code, str) else _UNKNOWN)
    return 0


def _last_word(channel: Channel, kind: str, **fields: Any) -> int:
    try:
        channel.send(kind, **fields)
    except WorkerGone:
        return 1
    return 0
