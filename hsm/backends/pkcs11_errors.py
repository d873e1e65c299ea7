"""From a token's many answers to a few of ours.

Rules:
- Tokens disagree on codes: a bad wrapped key is a `GeneralError` on one and a `WrappedKeyInvalid` on another, a key
  destroyed elsewhere an `ObjectHandleInvalid` or a `KeyHandleInvalid`. Groups, not single codes, are mapped.
- Every message says what to do.
"""

from __future__ import annotations

from pkcs11 import exceptions as p11

from hsm.errors import (
    CapabilityMissing,
    HsmError,
    PinLocked,
    PinRejected,
    TokenAbsent,
    TokenFault,
    TokenFull,
    TokenLost,
    UnknownKey,
)

SESSION_GONE = (
    p11.SessionHandleInvalid,
    p11.SessionClosed,
    p11.UserNotLoggedIn,
    p11.DeviceRemoved,
    p11.DeviceError,
    p11.TokenNotPresent,
)
"""The session or the token went away; a new session may work."""

HANDLE_GONE = (
    p11.ObjectHandleInvalid,
    p11.KeyHandleInvalid,
    p11.WrappingKeyHandleInvalid,
    p11.UnwrappingKeyHandleInvalid,
)
"""The key was destroyed, here or elsewhere, or the handle is of an older session."""

_GROUPS: list[tuple[tuple[type[p11.PKCS11Error], ...], type[HsmError], str]] = [
    ((p11.PinLocked, p11.PinExpired), PinLocked, "the token refuses every PIN; its security officer must reset it"),
    (
        (p11.PinIncorrect, p11.PinInvalid, p11.PinLenRange),
        PinRejected,
        "the token refused the PIN; correct its source and open the key store again",
    ),
    (
        (p11.UserPinNotInitialized, p11.NoSuchToken, p11.TokenNotRecognised, p11.SlotIDInvalid),
        TokenAbsent,
        "no such token, or it was never initialised; check the token name in the URI",
    ),
    ((p11.MultipleTokensReturned,), TokenAbsent, "several tokens match; name the serial in the URI"),
    (
        (p11.DeviceMemory,),
        TokenFull,
        "the token has no room for another key; destroy old versions",
    ),
    ((p11.TokenWriteProtected,), TokenFull, "the token is write-protected; make it writable"),
    (SESSION_GONE, TokenLost, "the token went away during the operation; list the keys before repeating it"),
    (HANDLE_GONE, UnknownKey, "the token no longer has this key; list the keys it has"),
    (
        (p11.MechanismInvalid, p11.MechanismParamInvalid, p11.FunctionNotSupported, p11.DomainParamsInvalid),
        CapabilityMissing,
        "the token cannot do this; use one that offers it",
    ),
]


def translate(error: p11.PKCS11Error) -> HsmError:
    """Our error for a token's `error`. Its class name is kept for the operator; it says nothing of the data."""
    for kinds, ours, advice in _GROUPS:
        if isinstance(error, kinds):
            return ours(f"{advice} ({type(error).__name__})")
    return TokenFault(f"the token failed; look at its own log ({type(error).__name__})")
