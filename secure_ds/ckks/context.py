"""The one place that makes a SEAL context, always with SEAL's own 128-bit check on top of ours."""

from functools import lru_cache

from tenseal import sealapi

from secure_ds.ckks.errors import InvalidParameters
from secure_ds.ckks.parameters import Parameters


@lru_cache(maxsize=8)
def seal_context(parameters: Parameters) -> sealapi.SEALContext:
    """Return the SEAL context of these parameters; made once per process, after any fork.

    Raises:
        InvalidParameters: SEAL does not accept them.
    """
    encryption_parameters = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
    encryption_parameters.set_poly_modulus_degree(parameters.poly_modulus_degree)
    encryption_parameters.set_coeff_modulus([sealapi.Modulus(prime) for prime in parameters.primes])
    context = sealapi.SEALContext(encryption_parameters, True, sealapi.SEC_LEVEL_TYPE.TC128)
    if not context.parameters_set():
        raise InvalidParameters(f"SEAL refuses them: {context.parameters_error_message()}")
    return context
