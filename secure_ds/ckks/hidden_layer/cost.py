"""How long a hidden-layer step will take, roughly: operations counted from the plan; see `secure_ds.ckks.cost`."""

from __future__ import annotations

from secure_ds.ckks.cost import PRODUCT, SCALE_AND_ADD, SERVICE, key_switch_seconds
from secure_ds.ckks.hidden_layer.plan import HiddenCircuit
from secure_ds.ckks.hidden_layer.scales import INPUT_LEVEL, PRODUCT_LEVEL


def step_seconds(plan: HiddenCircuit) -> float:
    """Estimate the seconds of one step, everything included."""
    degree, shape = plan.parameters.poly_modulus_degree, plan.shape
    first, second = shape.n_hidden * shape.n_features, shape.n_hidden * shape.n_labels
    forward = (first * (INPUT_LEVEL + 1) + 3 * second * INPUT_LEVEL) * SCALE_AND_ADD * degree
    units = shape.n_hidden * (key_switch_seconds(degree, 5) + key_switch_seconds(degree, 4))
    outputs = shape.n_labels * key_switch_seconds(degree, 4) + shape.n_hidden * key_switch_seconds(degree, 3)
    products = (first + second) * PRODUCT * degree * (PRODUCT_LEVEL + 1)
    packing = (2 * (first + second) + 2 * degree.bit_length()) * key_switch_seconds(degree, 2)
    return plan.n_blocks * (forward + units + outputs + products) + packing + SERVICE
