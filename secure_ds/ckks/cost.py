"""How long a training step will take, roughly: operations counted from the plan, times what each costs.

The unit costs are medians of processor time on one core of a 2-core AMD EPYC guest that was also busy otherwise (SEAL
4.1.1 as TenSEAL 0.3.18 ships it); another machine differs by a constant factor. The estimate is meant to be right
within a factor of two, which the benchmarks check, and tells minutes from hours. Loading and grouping the ciphertexts,
once per job and as long as a few steps, is left out. It changes nothing but a quote.
"""

from typing import Final

from secure_ds.ckks.packing import group_size
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.scales import PRODUCT_LEVEL, TREE_LEVEL
from secure_ds.ckks.statistics_plan import PRODUCT_LEVEL as STATISTICS_LEVEL
from secure_ds.ckks.statistics_plan import StatisticsPlan

SCALE_AND_ADD: Final = 1.1e-8  # seconds per coefficient and prime: ciphertext times integer, added
PRODUCT: Final = 2.0e-8  # seconds per coefficient and prime: ciphertext times ciphertext, added
RESCALE: Final = 2.5e-8  # seconds per coefficient and prime: a product of three polynomials
KEY_SWITCH: Final = 3.4e-8  # seconds per coefficient, prime and prime of the chain, special one included
SERVICE: Final = 0.1  # seconds per step outside homomorphic arithmetic: ledger, custodian, log


def step_seconds(plan: CircuitPlan) -> float:
    """Estimate the seconds of one step, everything included."""
    degree, columns = plan.parameters.poly_modulus_degree, plan.n_features * plan.n_blocks
    top, group = plan.input_level + 1, group_size(plan.n_features)
    n_groups = -(-plan.n_features // group)
    forward = columns * SCALE_AND_ADD * degree * top
    residual = plan.n_blocks * (3 * key_switch_seconds(degree, top) + key_switch_seconds(degree, top - 1))
    turned = plan.n_blocks * (group - 1) * key_switch_seconds(degree, PRODUCT_LEVEL + 1)
    products = columns * PRODUCT * degree * (PRODUCT_LEVEL + 1) + n_groups * key_switch_seconds(
        degree, PRODUCT_LEVEL + 1
    )
    packing = (n_groups + degree.bit_length()) * key_switch_seconds(degree, TREE_LEVEL + 1)
    return forward + residual + turned + products + packing + SERVICE


def statistics_seconds(plan: StatisticsPlan) -> float:
    """Estimate the seconds of all second moments on one core, everything included."""
    degree, high, size = plan.parameters.poly_modulus_degree, STATISTICS_LEVEL + 1, plan.group
    groups = sum(len(part.groups) for part in plan.parts)
    products = groups * size * plan.n_blocks * PRODUCT * degree * high
    packing = groups * (RESCALE * degree * high + 2 * key_switch_seconds(degree, high - 1))
    tiles = -(-plan.n_features // plan.tile)
    columns = plan.n_features * plan.n_blocks * (1 + size + tiles / 2 * (size - 1))
    return products + packing + columns * key_switch_seconds(degree, high) + SERVICE


def key_switch_seconds(degree: int, primes: int) -> float:
    """Estimate the seconds of one key switching of a ciphertext of that many primes."""
    return KEY_SWITCH * degree * primes * (primes + 1)
