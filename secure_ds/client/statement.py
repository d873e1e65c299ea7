"""What the custodian says of a collaboration, held against the keys that were pinned."""

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hsm.dsse import open_envelope
from hsm.errors import EnvelopeRejected
from secure_ds.client.errors import UntrustedService
from secure_ds.data.collaboration import PAYLOAD_TYPE, Statement, parse_statement
from secure_ds.wire.service import PublicKeys


def open_statement(envelope: bytes, pinned: PublicKeys) -> Statement:
    """Return the statement of a collaboration, as the custodian signed it.

    Raises:
        UntrustedService: the pinned certificate key did not sign it.
        InvalidStatement: what it signed is no statement of this version.
    """
    return parse_statement(signed_by_custodian(envelope, PAYLOAD_TYPE, pinned))


def signed_by_custodian(envelope: bytes, payload_type: str, pinned: PublicKeys) -> bytes:
    """Return the payload of an envelope of that type.

    Raises:
        UntrustedService: the pinned certificate key did not sign it.
    """
    key = load_pem_public_key(pinned.certificate_key.encode())
    if not isinstance(key, EllipticCurvePublicKey):
        raise UntrustedService("the pinned certificate key is not on P-256; pin the service's keys again")
    try:
        return open_envelope(envelope, payload_type, [key]).payload
    except EnvelopeRejected:
        raise UntrustedService("this is not signed by the custodian whose keys were pinned") from None
