"""How many numbers a model of a configuration trains. Pure: no torch; a test holds it to what is built."""

from itertools import pairwise

from secure_ds.models.cnn.config import CnnConfig
from secure_ds.models.mlp.config import MlpConfig
from secure_ds.models.registry import ModelConfig
from secure_ds.models.transformer.config import TransformerConfig

_KERNEL = 9  # 3 x 3
_FEED_FORWARD = 4  # times the width


def parameter_bound(config: ModelConfig) -> int:
    """Return an upper bound of a model's trainable parameters: exact for MLP and CNN, generous for transformers."""
    match config:
        case MlpConfig():
            return _mlp(config)
        case CnnConfig():
            return _cnn(config)
        case TransformerConfig():
            return _transformer(config)


def _mlp(config: MlpConfig) -> int:
    widths = (config.n_inputs, *config.hidden, config.n_classes)
    return sum((into + 1) * out for into, out in pairwise(widths))


def _cnn(config: CnnConfig) -> int:
    widths = (config.channels, *config.widths)
    blocks = sum((_KERNEL * into + 3) * out for into, out in pairwise(widths))
    return blocks + (config.n_features + 1) * config.n_classes


def _transformer(config: TransformerConfig) -> int:
    """Twice the vocabulary, positions, and per block attention, feed-forward, norms and biases; adapters are fewer."""
    width = config.width
    block = (4 + 2 * _FEED_FORWARD + 4) * width * width + (16 + 2 * _FEED_FORWARD) * width
    return (2 * config.vocabulary + config.context) * width + config.layers * block + 4 * width + config.vocabulary
