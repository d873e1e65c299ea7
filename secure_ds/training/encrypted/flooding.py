"""The flooding rule: how much noise the key needs, whatever privacy asks for."""

from secure_ds.ckks.circuit import Circuit
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import flooding_sigma
from secure_ds.ckks.profiles import BITS_FOR_MORE_ANSWERS, REFERENCE_ANSWERS, statistical_bits_of


def least_sigma(circuit: Circuit, tau: int) -> float:
    """Return the noise that the key needs: what the profile promises over its reference number of answers, and little
    less over all tau.

    With s statistical bits, all answers under a key together are within 2^(-s/2 - 2.7) in total variation of answers
    without CKKS error, and cost a decision game about the key no more than security s, in the sense of Li, Micciancio,
    Schultz, Sorrell (2022).
    """
    reference = flooding_sigma(circuit, statistical_bits_of(circuit.parameters), min(tau, REFERENCE_ANSWERS))
    return max(reference, flooding_sigma(circuit, promised_bits(circuit.parameters), tau))


def promised_bits(parameters: Parameters) -> float:
    """Return s: the statistical bits that every job under these parameters leaves over all tau answers."""
    return statistical_bits_of(parameters) - BITS_FOR_MORE_ANSWERS
