"""The families of models there are, and the one place that reads their configurations. Pure: no torch.

Rules: a family is a folder with `config.py` (pure, frozen, JSON both ways) and `model.py` (torch); service and
custodian read configurations here, only the trainer builds (`secure_ds.models.build`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from secure_ds.models.cnn.config import CnnConfig
from secure_ds.models.errors import InvalidModelConfig
from secure_ds.models.mlp.config import MlpConfig
from secure_ds.models.transformer.config import TransformerConfig

ModelConfig = MlpConfig | CnnConfig | TransformerConfig

_FAMILIES: Final[Mapping[str, Callable[[Mapping[str, Any]], ModelConfig]]] = {
    MlpConfig.family: MlpConfig.from_json,
    CnnConfig.family: CnnConfig.from_json,
    TransformerConfig.family: TransformerConfig.from_json,
}


def config_from_json(value: Mapping[str, Any]) -> ModelConfig:
    """Read the configuration of any family.

    Raises:
        InvalidModelConfig: the family is unknown, or the family refuses a field.
    """
    family = value.get("family") if isinstance(value, Mapping) else None
    if not isinstance(family, str) or family not in _FAMILIES:
        raise InvalidModelConfig(f"family must be one of {', '.join(sorted(_FAMILIES))}, got {family!r}")
    return _FAMILIES[family](value)
