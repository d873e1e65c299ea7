"""Factors that bound each unit's gradient.

Rules: float32; a factor is a function of its own unit's norm; a norm that is not finite gives exactly 0.

Axes: U units.
"""

from __future__ import annotations

from typing import Final

import torch

from secure_ds.training.dp.engine.interface import Clipping

GAMMA: Final = 0.01  # the paper's stability constant

# Norm and product are each rounded; aiming this little lower keeps what a unit adds within the bound all the same.
_ROUNDING: Final = 2.0**-21


def clipping_factors(squared_norms_U: torch.Tensor, clipping: Clipping) -> torch.Tensor:
    """Return what each unit's gradient is multiplied with, (units,) float32.

    With C = l2_norm_clip and n the norm: `flat` gives min(1, C / n) (Abadi et al. 2016), `automatic` gives
    C / (n + GAMMA) (Bu et al. 2023, "Automatic clipping", equation 4). Either times n is at most C.

    Args:
        squared_norms_U: float32; NaN and infinity mean a gradient that is not finite.
        clipping: bound and kind.
    """
    norms_U = squared_norms_U.clamp(min=0).sqrt()
    target = clipping.l2_norm_clip * (1 - _ROUNDING)
    is_automatic = clipping.kind == "automatic"
    factors_U = target / (norms_U + GAMMA) if is_automatic else (target / norms_U).clamp(max=1.0)
    return torch.where(torch.isfinite(squared_norms_U), factors_U, 0.0)
