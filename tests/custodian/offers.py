"""What an owner hands over at registration, made by hand so that any part of it can be wrong. Nothing is encrypted."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.keys import generate_secret_key
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.custodian.context import CustodianContext
from secure_ds.data.descriptor import parse_descriptor
from secure_ds.data.sealing import seal, sealing_info
from secure_ds.data.signed_descriptor import sign_descriptor
from secure_ds.wire.custodian import KeyRegistration
from secure_ds.wire.datasets import Envelope
from tests.data.descriptors import PARAMETERS, descriptor_json


@dataclass
class Offer:
    """A data set's key and limits; `message` puts them together as they stand."""

    custodian: CustodianContext
    dataset_id: str = field(default_factory=lambda: new_id("ds"))
    upload_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    secret: bytes = field(default_factory=lambda: generate_secret_key(PARAMETERS).to_bytes())

    def seal(self, **binding: str) -> bytes:
        """Seal the secret for this data set, ring and upload key, or for another where `binding` says so."""
        bound = {
            "dataset_id": self.dataset_id,
            "parameters_digest": PARAMETERS.digest,
            "upload_key": public_hex(self.upload_key),
        } | binding
        point = base64.b64decode(self.custodian.keyring.public_keys().sealing_key)
        recipient = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        return seal(self.secret, recipient, sealing_info(**bound))

    def message(self, sealed: bytes | None = None, owner: str = "alice", **fields: Any) -> KeyRegistration:
        """Sign a descriptor of these fields and announce the sealed secret in it."""
        sealed = self.seal() if sealed is None else sealed
        return self.announcing(digest_bytes(sealed), sealed, owner, **fields)

    def announcing(self, digest: str, sealed: bytes, owner: str = "alice", **fields: Any) -> KeyRegistration:
        """Like `message`, but the descriptor announces whatever digest is given."""
        named = {
            "dataset_id": self.dataset_id,
            "upload_key": public_hex(self.upload_key),
            "sealed_key": {"digest": digest, "bytes": len(sealed)},
        }
        descriptor = parse_descriptor(rfc8785.dumps(descriptor_json(**named | fields)))
        envelope = Envelope(**json.loads(sign_descriptor(descriptor, self.upload_key)))
        return KeyRegistration(envelope=envelope, sealed_key=base64.b64encode(sealed).decode(), owner=owner)


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half as descriptors name it."""
    return key.public_key().public_bytes_raw().hex()
