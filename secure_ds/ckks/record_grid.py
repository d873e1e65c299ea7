"""The grid that every record lies on, so that sums of products of records are whole numbers of a known unit.

Pure NumPy, no homomorphic library: the client puts records on it, plans count in its units.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

GRID_BITS: Final = 12
"""Every coordinate of a record (features and bias; not the slack) is a whole multiple of 2**-GRID_BITS."""


def on_grid(records: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return records with every coordinate cut towards zero to the grid: no norm grows, and the cut is idempotent."""
    units: npt.NDArray[np.float64] = np.trunc(records * 2.0**GRID_BITS)
    return units / 2.0**GRID_BITS
