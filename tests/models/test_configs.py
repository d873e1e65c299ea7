"""Configurations: exact keys, both ways through JSON, and every refusal by the field's name."""

import subprocess
import sys
from typing import Any

import pytest

from secure_ds.models.errors import InvalidModelConfig
from secure_ds.models.registry import config_from_json

MLP = {"family": "mlp", "task": "classify", "n_inputs": 5, "hidden": [6, 4], "n_classes": 3}
CNN = {"family": "cnn", "task": "classify", "channels": 1, "height": 8, "width": 8, "widths": [4, 8], "n_classes": 10}
TRANSFORMER = {
    "family": "transformer",
    "task": "causal_lm",
    "vocabulary": 11,
    "context": 6,
    "layers": 2,
    "width": 8,
    "heads": 2,
    "tied": True,
}
LORA = {"rank": 2, "alpha": 4, "targets": ["q", "v"]}


@pytest.mark.parametrize("value", [MLP, MLP | {"hidden": []}, CNN, TRANSFORMER, TRANSFORMER | {"lora": LORA}])
def test_the_round_trip(value: dict[str, Any]) -> None:
    config = config_from_json(value)
    assert config.to_json() == value and config_from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "family must be one of cnn, mlp, transformer"),
        ({"family": ["mlp"]}, "family must be"),
        (MLP | {"task": "causal_lm"}, "trained for task classify"),
        (MLP | {"more": 1}, "unknown \\['more'\\]"),
        ({"family": "mlp", "task": "classify"}, "lacks \\['hidden', 'n_classes', 'n_inputs'\\]"),
        (MLP | {"n_inputs": 0}, "n_inputs"),
        (MLP | {"n_inputs": True}, "n_inputs"),
        (MLP | {"n_classes": 1}, "n_classes"),
        (MLP | {"hidden": [0]}, "hidden"),
        (MLP | {"hidden": 3}, "hidden must be a list"),
        (CNN | {"widths": []}, "widths"),
        (CNN | {"widths": [4, 4, 4, 4]}, "4 blocks halve 8 x 8 pixels to nothing"),
        (CNN | {"channels": 1.0}, "channels"),
        (TRANSFORMER | {"heads": 3}, "width 8 must be a multiple of heads 3"),
        (TRANSFORMER | {"tied": 1}, "tied"),
        (TRANSFORMER | {"vocabulary": 2**40}, "vocabulary"),
        (TRANSFORMER | {"lora": {"rank": 2}}, "lacks \\['alpha', 'targets'\\]"),
        (TRANSFORMER | {"lora": "all"}, "lora must be an object"),
        (TRANSFORMER | {"lora": LORA | {"rank": 0}}, "lora.rank"),
        (TRANSFORMER | {"lora": LORA | {"alpha": float("inf")}}, "lora.alpha"),
        (TRANSFORMER | {"lora": LORA | {"targets": ["q", "q"]}}, "lora.targets"),
        (TRANSFORMER | {"lora": LORA | {"targets": []}}, "lora.targets"),
    ],
)
def test_refusals_name_the_field(value: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidModelConfig, match=words):
        config_from_json(value)


def test_reading_configurations_loads_no_torch() -> None:
    program = (
        "import sys, secure_ds.models.registry, secure_ds.training.dp.performance; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
