"""What ends a trainer. Each carries a stable `code`, which is all that is told of a failure."""

from typing import ClassVar


class TrainerError(Exception):
    """Root of this room's errors."""

    code: ClassVar[str] = "trainer_failed"


class HardeningFailed(TrainerError):
    """The operating system does not let this process keep its memory to itself."""

    code: ClassVar[str] = "hardening_failed"


class ProtocolBroken(TrainerError):
    """The worker sent something else than its turn allows."""

    code: ClassVar[str] = "protocol_broken"


class PlanMismatch(TrainerError):
    """Plan, descriptor and files are not of one job."""

    code: ClassVar[str] = "plan_mismatch"


class StopRequested(TrainerError):
    """The worker wants the run to end."""

    code: ClassVar[str] = "stopped"


class WorkerGone(TrainerError):
    """Nobody listens any more; nothing can be released."""

    code: ClassVar[str] = "worker_gone"
