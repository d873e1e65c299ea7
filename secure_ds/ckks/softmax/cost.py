"""How long a softmax step will take, roughly: operations counted from the plan; see `secure_ds.ckks.cost`."""

from __future__ import annotations

from secure_ds.ckks.cost import PRODUCT, SCALE_AND_ADD, SERVICE, key_switch_seconds
from secure_ds.ckks.matrices import PRODUCT_FROM_ROWS
from secure_ds.ckks.softmax.plan import SoftmaxCircuit
from secure_ds.ckks.softmax.scales import LEVEL


def step_seconds(plan: SoftmaxCircuit) -> float:
    """Estimate the seconds of one step, everything included."""
    degree, primes = plan.parameters.poly_modulus_degree, LEVEL + 1
    terms = plan.n_numbers * plan.n_blocks  # one for each number and block, forward as well as backward
    forward = terms * SCALE_AND_ADD * degree * primes
    if plan.n_classes >= PRODUCT_FROM_ROWS:
        forward *= (
            PRODUCT_FROM_ROWS / plan.n_classes
        )  # a matrix product, whose time hardly depends on the number of rows
    residual = plan.n_classes * plan.n_blocks * key_switch_seconds(degree, primes)
    products = terms * PRODUCT * degree * primes
    turned = plan.n_classes * plan.n_blocks * (plan.group - 1) * key_switch_seconds(degree, primes)
    n_groups = plan.n_classes * -(-plan.n_features // plan.group)
    packing = (2 * n_groups + degree.bit_length()) * key_switch_seconds(degree, primes - 1)
    return forward + residual + turned + products + packing + SERVICE
