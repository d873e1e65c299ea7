"""A signed descriptor by itself, and the check of every file it announces.

The descriptor names its own upload key, so anybody can see that nothing in it was changed since that key signed. Whose
key it is, is settled where the data set is registered: by the owner's authenticated request, and by the custodian, for
whom the secret key was sealed together with that upload key.
"""

import base64
import json
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from secure_ds.ckks.input_files import check_input_file
from secure_ds.ckks.key_files import check_key_file
from secure_ds.data.descriptor import DatasetDescriptor, parse_descriptor
from secure_ds.data.envelope import MAX_ENVELOPE_BYTES
from secure_ds.data.errors import InvalidEnvelope
from secure_ds.data.signed_descriptor import open_descriptor

CIPHERTEXT_KIND = "ciphertext"


@lru_cache(maxsize=64)
def open_own_descriptor(envelope: bytes) -> DatasetDescriptor:
    """Return the descriptor of an envelope that is signed by the upload key the descriptor names.

    A pure function of the envelope, remembered: every blob of an upload asks again.

    Raises:
        InvalidEnvelope: the envelope is malformed or its signature does not hold.
        InvalidDescriptor: what was signed is not a descriptor.
    """
    claimed = parse_descriptor(unverified_payload(envelope))
    return open_descriptor(envelope, Ed25519PublicKey.from_public_bytes(bytes.fromhex(claimed.upload_key)))


def check_blob(data: bytes | memoryview, descriptor: DatasetDescriptor, kind: str) -> None:
    """Check an uploaded file, without any homomorphic library, against what its descriptor says it is.

    Args:
        kind: "ciphertext", or the name of a key file.

    Raises:
        MalformedCiphertext: it is something else; says what is wrong and what would be right.
    """
    if kind == CIPHERTEXT_KIND:
        check_input_file(data, descriptor.parameters, descriptor.scale, descriptor.encryption)
    else:
        check_key_file(kind, data, descriptor.parameters)


def unverified_payload(envelope: bytes) -> bytes:
    """Return what an envelope carries, *unverified*: good only to see which key it names. Raises `InvalidEnvelope`."""
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise InvalidEnvelope
    try:
        return base64.b64decode(json.loads(envelope)["payload"], validate=True)
    except (ValueError, KeyError, TypeError):
        raise InvalidEnvelope from None
