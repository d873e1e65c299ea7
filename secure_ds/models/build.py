"""From a configuration to a torch module.

Rules: configuration and seed, both public, fix every initial weight; the process's own random state is left as it was;
no family contains a layer that mixes records.
"""

from __future__ import annotations

import torch
from torch import nn

from secure_ds.models.cnn.config import CnnConfig
from secure_ds.models.cnn.model import Cnn
from secure_ds.models.isolation import refuse_mixing
from secure_ds.models.lora import add_lora
from secure_ds.models.mlp.config import MlpConfig
from secure_ds.models.mlp.model import Mlp
from secure_ds.models.registry import ModelConfig
from secure_ds.models.transformer.model import Transformer


def build_model(config: ModelConfig, seed: int) -> nn.Module:
    """Return the module, on the CPU, in float32, in training mode.

    Args:
        config: of any family.
        seed: public; equal seeds give equal weights.

    Raises:
        TargetsNotFound: adapters name layers that the model does not have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _build(config)
    refuse_mixing(model)
    return model


def _build(config: ModelConfig) -> nn.Module:
    if isinstance(config, MlpConfig):
        return Mlp(config)
    if isinstance(config, CnnConfig):
        return Cnn(config)
    model = Transformer(config)
    return model if config.lora is None else add_lora(model, config.lora)
