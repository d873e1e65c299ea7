"""The machine a measurement was taken on: enough to judge a number by, and no name of the machine or its user.

The load average says whether the machine was shared: near or above the number of cores, wall-clock seconds are only
upper bounds, while ratios measured side by side and processor seconds still mean something.
"""

import os
import platform
from pathlib import Path


def describe_machine() -> dict[str, str | int | float]:
    """Processor, cores this process may use, memory in GiB, load of the last five minutes, system and Python."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": round(os.getloadavg()[1], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
