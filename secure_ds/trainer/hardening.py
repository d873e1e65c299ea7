"""Keep this process's memory to itself, before anything secret is in it. Linux.

Rules kept here:

1. No core is dumped, and no other process of the same user may trace this one or read its memory (PR_SET_DUMPABLE 0;
   prctl(2), ptrace(2)). What could not be set ends the process.
2. The environment keeps a few names that say nothing secret.
"""

import ctypes
import os
import resource
from typing import Final

from secure_ds.core.child_environment import KEPT_VARIABLES
from secure_ds.trainer.errors import HardeningFailed

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4


def harden() -> None:
    """Apply the rules above.

    Raises:
        HardeningFailed: the system refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 or libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise HardeningFailed("the process could not be made undumpable (PR_SET_DUMPABLE)")
    for name in set(os.environ) - KEPT_VARIABLES:
        del os.environ[name]
