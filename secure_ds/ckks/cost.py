"""How long a training step will take, roughly: operations counted from the plan, times what each costs.

The unit costs are medians on one core of a 2-core Xeon (SEAL 4.1.1 as TenSEAL 0.3.18 ships it); another machine differs
by a constant factor, a busy one by more. The estimate is meant to be right within a factor of two, and tells minutes
from hours. It changes nothing but a quote.
"""

from typing import Final

from secure_ds.ckks.planner import CircuitPlan

SCALE_AND_ADD: Final = 7.5e-9  # seconds per coefficient and prime: ciphertext times integer, added
PRODUCT: Final = 1.3e-8  # seconds per coefficient and prime: ciphertext times ciphertext, added
KEY_SWITCH: Final = 2.2e-8  # seconds per coefficient, prime and prime of the chain, special one included
SERVICE: Final = 0.1  # seconds per step outside homomorphic arithmetic: ledger, custodian, log


def step_seconds(plan: CircuitPlan) -> float:
    """Estimate the seconds of one step, everything included."""
    degree, columns = plan.parameters.poly_modulus_degree, plan.n_features * plan.n_blocks
    top, low = plan.input_level + 1, plan.answer_level + 2  # primes; products come one level above the answer
    forward = columns * SCALE_AND_ADD * degree * top
    residual = plan.n_blocks * 2 * _key_switch(degree, top)
    products = columns * PRODUCT * degree * low + plan.n_features * _key_switch(degree, low)
    packing = (plan.n_features + degree.bit_length()) * _key_switch(degree, low)
    return forward + residual + products + packing + SERVICE


def _key_switch(degree: int, primes: int) -> float:
    return KEY_SWITCH * degree * primes * (primes + 1)
