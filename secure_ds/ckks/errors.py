"""What the homomorphic room refuses, and why.

Caller mistakes and impossible circuits say what was wrong and what would be right. Hostile or broken bytes raise
`MalformedCiphertext`; failures that touch a secret key all raise one indistinguishable `DecryptionFailed`.
"""

from __future__ import annotations

from typing import ClassVar


class CkksError(Exception):
    """Root of every error of this package; `code` is stable and safe to show to a caller."""

    code: ClassVar[str] = "ckks_error"


class InvalidParameters(CkksError, ValueError):
    """Encryption parameters that are not a CKKS parameter set at all."""

    code = "invalid_parameters"


class InsecureParameters(InvalidParameters):
    """Well-formed parameters whose modulus is too large for 128-bit security."""

    code = "insecure_parameters"


class PlanRefused(CkksError):
    """The planner will not run this circuit with these parameters.

    Attributes:
        reason: stable snake_case name of the rule that failed, for example ``"too_few_levels"``.
    """

    code = "plan_refused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MalformedCiphertext(CkksError):
    """Bytes that are not the ciphertext or key they claim to be.

    Attributes:
        reason: stable snake_case name of the check that failed.
    """

    code = "malformed_ciphertext"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DecryptionFailed(CkksError):
    """A decryption did not happen. Deliberately carries nothing else."""

    code = "decryption_failed"

    def __init__(self) -> None:
        super().__init__("the ciphertext could not be decrypted")


class EvaluationRefused(CkksError, ValueError):
    """Input to a homomorphic circuit that does not fit its plan (counts, ranges, levels)."""

    code = "evaluation_refused"


class InvalidNetwork(CkksError, ValueError):
    """A description of a network, or its file, that is not one."""

    code = "invalid_network"
