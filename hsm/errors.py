"""Everything `hsm` raises.

Rules:
- Every error is an `HsmError` with a stable `code`, so that callers can answer without reading messages.
- `HsmUnavailable` means nothing was decided: try again later, nothing is lost (an API answers 503).
- `HsmUsageError` means that the caller broke the contract; it is also a `ValueError`.
- Cryptographic refusals have one message each. They never say which check failed.
- No message holds key material, a PIN, or caller data.
"""

from __future__ import annotations

from typing import ClassVar


class HsmError(Exception):
    """Root of all errors of this package."""

    code: ClassVar[str] = "hsm_error"


class HsmUsageError(HsmError, ValueError):
    """An argument or a sequence of calls that the contract forbids."""

    code: ClassVar[str] = "hsm_usage"


class KeyStoreClosed(HsmUsageError):
    """The key store was closed; open a new one."""

    code: ClassVar[str] = "keystore_closed"


class ForkedProcess(HsmUsageError):
    """The key store, or the token's library, was opened before a fork.

    On one token, forked children signed different messages with the same ECDSA nonce, which gives the key away.
    Open the key store after the fork.
    """

    code: ClassVar[str] = "hsm_forked_process"


class HsmUnavailable(HsmError):
    """The token cannot answer now."""

    code: ClassVar[str] = "hsm_unavailable"


class TokenAbsent(HsmUnavailable):
    """The PKCS#11 library or the token it should show is not there."""

    code: ClassVar[str] = "token_absent"


class TokenLost(HsmUnavailable):
    """The token or its session went away during an operation.

    Raised after a failed reopening, and at once for operations that are not safe to repeat (generate, rotate,
    destroy): list the keys before trying those again.
    """

    code: ClassVar[str] = "token_lost"


class TokenFull(HsmUnavailable):
    """The token has no room for another key."""

    code: ClassVar[str] = "token_full"


class TokenBusy(HsmUnavailable):
    """Another key store holds this token or key file."""

    code: ClassVar[str] = "token_busy"


class PinUnavailable(HsmUnavailable):
    """The PIN could not be read from its source."""

    code: ClassVar[str] = "pin_unavailable"


class PinRejected(HsmUnavailable):
    """The token refused the PIN. It is not sent again: tokens lock after a few wrong PINs."""

    code: ClassVar[str] = "pin_rejected"


class PinLocked(HsmUnavailable):
    """The token refuses every PIN until its security officer resets it."""

    code: ClassVar[str] = "pin_locked"


class TokenFault(HsmError):
    """The token did something that its contract forbids; its answer was thrown away."""

    code: ClassVar[str] = "token_fault"


class CapabilityMissing(HsmError):
    """The token cannot do what was asked of it."""

    code: ClassVar[str] = "hsm_capability_missing"


class InsecureBackend(HsmError):
    """A backend that names itself insecure was asked to serve production."""

    code: ClassVar[str] = "hsm_insecure_backend"


class KeyFileBroken(HsmError):
    """A software key file is damaged, was changed, or belongs to another PIN."""

    code: ClassVar[str] = "key_file_broken"


class UnknownKey(HsmError):
    """No such key, or no such version of it, in this key store."""

    code: ClassVar[str] = "unknown_key"


class KeyExists(HsmError):
    """The label is taken; labels are never used twice, even after all versions were destroyed."""

    code: ClassVar[str] = "key_exists"


class WrongPurpose(HsmError):
    """The key serves another purpose. A key has one purpose for life."""

    code: ClassVar[str] = "key_wrong_purpose"


class WrongState(HsmError):
    """The key's state forbids this use."""

    code: ClassVar[str] = "key_wrong_state"


class UnwrapFailed(HsmError):
    """The wrapped key was not accepted. The only answer to any bad input of `KeyStore.unwrap`."""

    code: ClassVar[str] = "unwrap_failed"

    def __init__(self) -> None:
        super().__init__("the wrapped key was not accepted")


class SealBroken(HsmError):
    """The sealed message was not accepted. The only answer to any bad input of `hsm.sealing`."""

    code: ClassVar[str] = "seal_broken"

    def __init__(self) -> None:
        super().__init__("the sealed message was not accepted")


class BlobBroken(HsmError):
    """The wrapped blob was not accepted. The only answer to any bad input of `hsm.custody`."""

    code: ClassVar[str] = "blob_broken"

    def __init__(self) -> None:
        super().__init__("the wrapped blob was not accepted")


class EnvelopeRejected(HsmError):
    """The envelope was not accepted. The only answer to any bad input of `hsm.dsse`."""

    code: ClassVar[str] = "envelope_rejected"

    def __init__(self) -> None:
        super().__init__("the envelope is not a statement of the expected type signed by a trusted key")
