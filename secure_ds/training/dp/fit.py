"""Whether a model is for the records of a data set."""

from secure_ds.models.cnn.config import CnnConfig
from secure_ds.models.mlp.config import MlpConfig
from secure_ds.models.registry import ModelConfig
from secure_ds.models.transformer.config import TransformerConfig
from secure_ds.privacy.errors import PlanRefused
from secure_ds.training.dp.facts import SealedFacts

_KIND = {"mlp": "table", "cnn": "images", "transformer": "tokens"}


def require_fits(config: ModelConfig, facts: SealedFacts) -> None:
    """Refuse a model for other records.

    Raises:
        PlanRefused: ``wrong_model``: the message says which numbers must agree.
    """
    schema = facts.schema
    if schema.get("kind") != _KIND[config.family]:
        raise PlanRefused(
            "wrong_model", f"a model of the family {config.family} learns from {_KIND[config.family]}, not from "
            f"{schema.get('kind')}"
        )  # fmt: skip
    for name, wanted, given in _numbers(config, facts):
        if wanted != given:
            raise PlanRefused("wrong_model", f"the model's {name} must be {wanted} for these records, not {given}")


def _numbers(config: ModelConfig, facts: SealedFacts) -> list[tuple[str, int, int]]:
    schema = facts.schema
    match config:
        case MlpConfig():
            found = [("n_inputs", facts.n_features, config.n_inputs)]
        case CnnConfig():
            found = [(name, schema[name], getattr(config, name)) for name in ("channels", "height", "width")]
        case TransformerConfig():
            return [(name, schema[name], getattr(config, name)) for name in ("vocabulary", "context")]
    return [*found, ("n_classes", len(schema["label"]["classes"]), config.n_classes)]
