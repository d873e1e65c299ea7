"""Statistics that an owner computed and encrypted: packed as the circuit would have left them.

Rules kept here:
  1. A part's coefficients are what `secure_ds.ckks.statistics` would have made, without its errors: whoever decrypts
     need not know where a ciphertext came from.
  2. The worker does nothing but drop the levels that uploads have and answers have not, which is exact.
  3. Nothing of such a data set can be verified but the form of its files: a certificate says "asserted".
"""

from collections.abc import Iterator, Sequence

import numpy as np
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.encryption import EncryptedBlock, encoded, encryptor
from secure_ds.ckks.memory_io import load, save
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.slots import evaluated
from secure_ds.ckks.statistics_plan import ANSWER_LEVEL, Part, StatisticsPlan


def encrypt_statistics(plan: StatisticsPlan, secret_key: SecretKey, units: Sequence[int]) -> Iterator[EncryptedBlock]:
    """Encrypt all numbers, one ciphertext per part, part i as column i.

    Args:
        plan: the plan; its parts, units and parameters.
        secret_key: the owner's.
        units: whole numbers of units, in the plan's order.
    """
    encoder, encrypt = sealapi.CKKSEncoder(seal_context(plan.parameters)), encryptor(plan.parameters, secret_key)
    start = 0
    for index, part in enumerate(plan.parts):
        end = start + len(part.pairs)
        values = evaluated(_coefficients(plan, part, units[start:end])) / plan.input_scale
        yield EncryptedBlock(index, 0, encrypt(encoded(encoder, values.tolist(), plan.input_scale)))
        start = end


def forwarded(plan: StatisticsPlan, data: bytes) -> bytes:
    """Return an uploaded part, checked, in the form of an answer."""
    context = seal_context(plan.parameters)
    uploaded, answer = sealapi.Ciphertext(), sealapi.Ciphertext()
    load(uploaded, context, data)
    sealapi.Evaluator(context).mod_switch_to(uploaded, list(plan.parameters.parms_id(ANSWER_LEVEL)), answer)
    answer.scale = plan.product_scale
    return save(answer)


def _coefficients(plan: StatisticsPlan, part: Part, units: Sequence[int]) -> np.ndarray:
    coefficients = np.zeros(plan.parameters.poly_modulus_degree)
    coefficients[list(plan.positions(part))] = [float(value * part.unit) for value in units]
    return coefficients
