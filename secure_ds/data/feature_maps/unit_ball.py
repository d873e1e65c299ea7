"""The common end of every feature map: a bias column, a declared scale, and norm at most 1 per record."""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from secure_ds.data.records import FloatArray

Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class Declaration(BaseModel):
    """Base of the specifications: closed, frozen, strictly typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class UnitBall(Declaration):
    """Divide (features, bias) by `radius`; a record still longer than 1 is shortened to exactly 1.

    Both constants are declared. A radius near the typical length of a record loses least: too large and the signal
    drowns in the noise, too small and records differ by direction only.
    """

    radius: Positive
    bias: Positive = 1.0

    def place(self, features: FloatArray) -> FloatArray:
        """Return the (n, d + 1) records of norm at most 1, bias last, of (n, d) features.

        Row i depends on row i alone.
        """
        bias = np.full((features.shape[0], 1), self.bias)
        records = np.hstack([features, bias]) / self.radius
        lengths: FloatArray = np.linalg.norm(records, axis=1, keepdims=True)
        placed: FloatArray = records / np.maximum(lengths, 1.0)
        return placed


def slack(records: FloatArray) -> FloatArray:
    """Return the (n,) column sqrt(1 - |x|^2) that completes each record of norm at most 1 to norm 1 exactly."""
    rest: FloatArray = np.sqrt(np.maximum(0.0, 1.0 - np.einsum("ij,ij->i", records, records)))
    return rest
