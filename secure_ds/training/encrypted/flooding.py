"""The flooding rule: how much noise the key needs, whatever privacy asks for."""

from typing import Final

from secure_ds.ckks.planner import CircuitPlan, flooding_sigma
from secure_ds.ckks.profiles import REFERENCE_ANSWERS, statistical_bits_of

MIN_STATISTICAL_BITS: Final = 40.0
"""s: all answers under a key together are within 2^(-s/2 - 2.7) in total variation of answers without CKKS error, and
cost a decision game about the key no more than security s, in the sense of Li, Micciancio, Schultz, Sorrell (2022)."""


def least_sigma(circuit: CircuitPlan, tau: int) -> float:
    """Return the noise that the key needs: what the profile promises over its reference number of answers, and the
    least over all tau."""
    promised = flooding_sigma(circuit, statistical_bits_of(circuit.parameters), min(tau, REFERENCE_ANSWERS))
    return max(promised, flooding_sigma(circuit, MIN_STATISTICAL_BITS, tau))
