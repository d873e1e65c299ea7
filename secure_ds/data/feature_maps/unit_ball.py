"""The common end of every feature map: a bias column, a declared scale, norm at most 1, and the grid of records.

On the grid (`secure_ds.ckks.record_grid`) sums of products of records have one exact value, which a decryption can be
rounded to.
"""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from secure_ds.ckks.record_grid import on_grid
from secure_ds.data.records import FloatArray

Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class Declaration(BaseModel):
    """Base of the specifications: closed, frozen, strictly typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class UnitBall(Declaration):
    """Divide (features, bias) by `radius`, shorten what is still longer than 1, truncate towards zero to the grid.

    Both constants are declared. A radius near the typical length of a record loses least: too large and the signal
    drowns in the noise, too small and records differ by direction only.
    """

    radius: Positive
    bias: Positive = 1.0

    def place(self, features: FloatArray) -> FloatArray:
        """Return the (n, d + 1) records, bias last, of (n, d) features.

        Row i depends on row i alone. Formal guarantee: every norm is at most 1 exactly. Floating point may leave a
        length of 1 + 2**-40 before truncation, which lengthens nothing; the squared length of a grid vector is a whole
        multiple of 2**-24, and the greatest of those up to (1 + 2**-40)**2 is 1.
        """
        bias = np.full((features.shape[0], 1), self.bias)
        records = np.hstack([features, bias]) / self.radius
        lengths: FloatArray = np.linalg.norm(records, axis=1, keepdims=True)
        return on_grid(records / np.maximum(lengths, 1.0))


def slack(records: FloatArray) -> FloatArray:
    """Return the (n,) column sqrt(1 - |x|^2) that completes each record of norm at most 1 to norm 1 exactly."""
    rest: FloatArray = np.sqrt(np.maximum(0.0, 1.0 - np.einsum("ij,ij->i", records, records)))
    return rest
