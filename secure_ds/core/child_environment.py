"""The environment that a child process gets: a few names, and where this very program lies.

Rule: a child inherits no variable but these, so a secret in this process's environment is not in the child's, and
parent and child run one version of the program wherever they were started.
"""

import os
from pathlib import Path
from typing import Final

import secure_ds

KEPT_VARIABLES: Final = frozenset(
    {"CUDA_VISIBLE_DEVICES", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "PYTHONPATH", "TZ"}
)


def child_environment(**changes: str) -> dict[str, str]:
    """Return the variables of a child, with `changes` added."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(secure_ds.__file__).parents[1]), **changes}
