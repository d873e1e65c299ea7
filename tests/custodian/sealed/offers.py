"""What the owner of a sealed data set hands over at registration, made by hand so that any part of it can be wrong."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.custodian.context import CustodianContext
from secure_ds.data.sealed.descriptor import SealedDescriptor, parse_sealed_descriptor
from secure_ds.data.sealed.key import data_key_info, new_data_key
from secure_ds.data.sealed.signed import sign_sealed_descriptor
from secure_ds.data.sealing import seal
from secure_ds.wire.custodian import KeyRegistration
from secure_ds.wire.datasets import Envelope
from tests.custodian.offers import public_hex
from tests.data.sealed.descriptors import sealed_descriptor_json


@dataclass
class SealedOffer:
    """A sealed data set's key and limits; `message` puts them together as they stand."""

    custodian: CustodianContext
    dataset_id: str = field(default_factory=lambda: new_id("ds"))
    upload_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    data_key: bytes = field(default_factory=new_data_key, repr=False)

    def descriptor(self, **fields: Any) -> SealedDescriptor:
        """The descriptor of these fields, before its key is announced unless they do."""
        named = {"dataset_id": self.dataset_id, "upload_key": public_hex(self.upload_key)}
        return parse_sealed_descriptor(rfc8785.dumps(sealed_descriptor_json(**named | fields)))

    def seal(self, descriptor: SealedDescriptor) -> bytes:
        """Seal the data key for a descriptor's data set, schema, counts and upload key."""
        point = base64.b64decode(self.custodian.keyring.public_keys().sealing_key)
        recipient = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        info = data_key_info(
            descriptor.dataset_id, descriptor.records, descriptor.n_rows, descriptor.n_units, descriptor.upload_key
        )
        return seal(self.data_key, recipient, info)

    def message(self, sealed: bytes | None = None, owner: str = "alice", **fields: Any) -> KeyRegistration:
        """Sign a descriptor of these fields and announce the sealed key in it; `sealed` for the descriptor unless
        another seal is given."""
        sealed = self.seal(self.descriptor(**fields)) if sealed is None else sealed
        announced = {"sealed_key": {"digest": digest_bytes(sealed), "bytes": len(sealed)}}
        envelope = sign_sealed_descriptor(self.descriptor(**announced | fields), self.upload_key)
        return KeyRegistration(
            envelope=Envelope(**json.loads(envelope)), sealed_key=base64.b64encode(sealed).decode(), owner=owner
        )
