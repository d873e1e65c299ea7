"""Clipped sums worked out one unit at a time by autograd in doubles: slow, and free of any engine's code."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.models.registry import config_from_json
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.engine import make_engine
from secure_ds.training.dp.engine.layers import rule
from secure_ds.training.dp.performance import Performance

TOLERANCE = 1e-5
FORMS = {"factored": 10**9, "instantiated": 0}  # what a number moved costs: forces one form or the other


@dataclass(frozen=True)
class Rule:
    """A clipping rule, as plans have them."""

    l2_norm_clip: float = 1.0
    kind: Literal["flat", "automatic"] = "flat"


@contextmanager
def form(name: str, cached_numbers: int = 2**19) -> Iterator[None]:
    """Make the engine keep matrices' gradients in one form whatever their shapes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "_MOVE_COST", FORMS[name])
        patch.setattr(rule, "_CACHED_NUMBERS", cached_numbers)
        yield


def clipped_sum(
    model: nn.Module, task: str, batch: Batch, clipping: Rule = Rule(), **choices: object
) -> dict[str, torch.Tensor]:
    performance = Performance(device="cpu", **choices)
    return make_engine(performance.engine, model, task, clipping, performance).clipped_sum(batch)


def unit_gradients(model: nn.Module, task: str, batch: Batch) -> list[dict[str, torch.Tensor]]:
    """Return each unit's gradient in doubles."""
    model = deepcopy(model).double()
    trainable = {name: each for name, each in model.named_parameters() if each.requires_grad}
    gradients = []
    for unit in range(batch.n_units):
        loss = torch.zeros((), dtype=torch.float64)
        for row in range(unit * batch.rows_per_unit, (unit + 1) * batch.rows_per_unit):
            x = batch.inputs[row : row + 1]
            outputs = model(x.double() if x.is_floating_point() else x)
            losses = nn.functional.cross_entropy(outputs.flatten(0, -2), batch.targets[row : row + 1].flatten())
            loss = loss + losses * batch.weights[row]
        found = torch.autograd.grad(loss, list(trainable.values()), allow_unused=True)
        gradients.append(
            {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(trainable.items(), found, strict=True)}
        )
    return gradients


def expected(model: nn.Module, task: str, batch: Batch, clipping: Rule = Rule()) -> dict[str, torch.Tensor]:
    """Return the clipped sum in doubles."""
    sums = {name: torch.zeros_like(each).double() for name, each in model.named_parameters() if each.requires_grad}
    for gradient in unit_gradients(model, task, batch):
        norm = vector(gradient).norm()
        is_flat = clipping.kind == "flat"
        factor = min(1.0, clipping.l2_norm_clip / norm) if is_flat else clipping.l2_norm_clip / (norm + 0.01)
        for name, each in gradient.items():
            sums[name] += factor * each
    return sums


def vector(gradients: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([each.double().flatten() for each in gradients.values()])


def distance(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    """Return the l2 distance relative to the norm of what was wanted."""
    assert found.keys() == wanted.keys()
    return float((vector(found) - vector(wanted)).norm() / vector(wanted).norm().clamp(min=1e-30))


def spread(model: nn.Module, seed: int = 0, by: float = 0.3) -> nn.Module:
    """Move every parameter away from its start, where adapters and shifts are zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for each in model.parameters():
            each += by * torch.randn(each.shape, generator=generator)
    return model


def images(rows: int, seed: int = 0) -> tuple[nn.Module, str, Batch]:
    config = {"family": "cnn", "task": "classify", "channels": 2, "height": 9, "width": 8, "widths": [4, 6]}
    model = spread(build_model(config_from_json(config | {"n_classes": 3}), 0))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 2, 9, 8, generator=generator)
    return model, "classify", Batch(x, torch.randint(3, (rows,), generator=generator), torch.ones(rows))


def table(rows: int, seed: int = 0) -> tuple[nn.Module, str, Batch]:
    config = {"family": "mlp", "task": "classify", "n_inputs": 5, "hidden": [6, 4], "n_classes": 3}
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 5, generator=generator)
    model = spread(build_model(config_from_json(config), 0))
    return model, "classify", Batch(x, torch.randint(3, (rows,), generator=generator), torch.ones(rows))


def tokens(
    rows: int, seed: int = 0, *, tied: bool = True, lora: bool = False, width: int = 8, context: int = 5
) -> tuple[nn.Module, str, Batch]:
    config = {"family": "transformer", "task": "causal_lm", "vocabulary": 11, "context": context, "layers": 2}
    config |= {"width": width, "heads": 2, "tied": tied}
    if lora:
        config["lora"] = {"rank": 2, "alpha": 4, "targets": ["q", "v", "up"]}
    model = spread(build_model(config_from_json(config), 0))
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(11, (rows, context + 1), generator=generator)
    return model, "causal_lm", Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), torch.ones(rows))


MODELS = {
    "table": table,
    "images": images,
    "tokens, tied": tokens,
    "tokens, untied": lambda rows, seed=0: tokens(rows, seed, tied=False),
    "tokens, adapters": lambda rows, seed=0: tokens(rows, seed, lora=True),
}
