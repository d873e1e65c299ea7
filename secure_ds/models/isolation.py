"""Which layers keep the records of a batch apart.

Rule: a layer whose output for one record depends on another record is refused by name and class, before anything runs;
without this, the gradient of one record is not a function of that record, and clipping it bounds nothing.
"""

from __future__ import annotations

from typing import Final

from torch import nn

from secure_ds.models.errors import MixesRecords

_MIXING: Final = (nn.modules.batchnorm._NormBase,)  # BatchNorm of every kind, and InstanceNorm with running statistics


def refuse_mixing(model: nn.Module) -> None:
    """Look at every layer.

    Raises:
        MixesRecords: with the first such layer's name and class, and what could stand in its place.
    """
    for name, module in model.named_modules():
        if isinstance(module, _MIXING):
            raise MixesRecords(
                f"layer {name!r} ({type(module).__name__}) computes statistics over records; use GroupNorm or LayerNorm"
            )
