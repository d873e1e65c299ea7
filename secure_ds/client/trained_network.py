"""A linear model trained by the service, as a network: so that it can be applied to ciphertexts like any other."""

import numpy as np

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.network import Linear, Network
from secure_ds.training.encrypted.model_file import TrainedModel


def network_of(model: TrainedModel) -> Network:
    """Return the network whose outputs are the model's scores of mapped records, its weights rounded to 32 bits.

    Mapped records, with their bias, have norm at most 1, so every input lies in -1 to 1.

    Raises:
        InvalidNetwork: the model is not linear.
    """
    if model.kind != "linear":
        raise InvalidNetwork(f"a model of kind {model.kind!r} is no single linear layer; convert it from torch")
    weights = model.tensors["weights"].astype(np.float32)
    return Network((weights.shape[1],), -1.0, 1.0, (Linear(weights),))
