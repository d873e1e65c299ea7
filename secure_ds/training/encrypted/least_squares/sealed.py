"""Exact statistics on their way to the owner of the data: packed, sealed, and carried as an answer's integers.

The order of numbers is the circuit's. An answer is a list of integers to everything between custodian and owner: the
sealed bytes are cut into pieces of `PIECE` bytes, and the first integer is their length.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.data.sealing import results_info, results_point, seal, unseal
from secure_ds.training.encrypted.plan import EncryptedPlan

PIECE: Final = 64


def sealed_answer(plan: EncryptedPlan, job_id: str, units: Sequence[int]) -> list[int]:
    """Seal an answer to the plan's recipient.

    Args:
        plan: a plan with a recipient.
        job_id: the job, which the seal binds.
        units: the exact integers; below 2^63.
    """
    packed = np.array(units, dtype="<i8").tobytes()
    sealed = seal(packed, results_point(plan.recipient or ""), results_info(job_id, plan.digest))
    pieces = (sealed[start : start + PIECE] for start in range(0, len(sealed), PIECE))
    return [len(sealed), *(int.from_bytes(piece, "big") for piece in pieces)]


def opened_answer(
    plan: EncryptedPlan, job_id: str, answer: Sequence[int], key: ec.EllipticCurvePrivateKey
) -> list[int]:
    """Return the exact integers that were sealed, in units, in the order of the plan's circuit.

    Raises:
        InvalidTag, ValueError: the answer is not one that was sealed to this key for this job.
    """
    length, *pieces = answer
    sealed = b"".join(piece.to_bytes(min(PIECE, length - index * PIECE), "big") for index, piece in enumerate(pieces))
    packed = unseal(sealed, key, results_info(job_id, plan.digest))
    return [int(value) for value in np.frombuffer(packed, dtype="<i8")]
