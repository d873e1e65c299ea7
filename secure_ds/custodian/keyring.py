"""The custodian's keys in the HSM, by what each is for.

Rules: one purpose a key; a wrapping key per tenant and per collaboration; keys are made when first needed and never
leave the HSM. The checkpoint key is Ed25519 where the token has it and P-256 where not; everything else is P-256 and
AES, which every token offers.
"""

import base64
from contextlib import suppress

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.note import NoteSigner, VerifierKey
from hsm.custody import unwrap_blob, wrap_blob
from hsm.dsse import KeyStoreSigner, open_envelope, sign_envelope
from hsm.errors import SealBroken, UnknownKey
from hsm.interface import KeyStore
from hsm.keys import Algorithm, KeyRef, KeyState
from hsm.public_keys import PublicKey, public_bytes
from hsm.sealing import open_sealed
from secure_ds.core.key_labels import group_label, wrapping_label
from secure_ds.wire.service import PublicKeys

SEALING = "sealing"
CERTIFICATES = "certificates"
GRANTS = "grants"
CHECKPOINTS = "checkpoints"
PROBE_TYPE = "application/vnd.secure-ds.probe"
REQUIRED = (Algorithm.AES256_KW, Algorithm.ECDSA_P256, Algorithm.ECDH_P256)


class Keyring:
    """Named uses of one key store.

    Raises (on construction):
        CapabilityMissing: the token lacks an algorithm every instance needs; names it.
    """

    def __init__(self, keystore: KeyStore, origin: str) -> None:
        self._keystore = keystore
        self._origin = origin
        keystore.capabilities().require(REQUIRED)
        self._key(SEALING, Algorithm.ECDH_P256)
        self._key(CERTIFICATES, Algorithm.ECDSA_P256)
        self._key(GRANTS, Algorithm.ECDSA_P256)
        self._key(CHECKPOINTS, self._checkpoint_algorithm())

    def wrap_secret(self, tenant: str, secret: bytes, context: bytes) -> bytes:
        """Close a CKKS secret key under its tenant's wrapping key."""
        return self._wrap(wrapping_label(tenant), secret, context)

    def wrap_group_secret(self, collaboration_id: str, secret: bytes, context: bytes) -> bytes:
        """Close the CKKS secret key of a collaboration under a wrapping key of its own."""
        return self._wrap(group_label(collaboration_id), secret, context)

    def unwrap_secret(self, wrapped: bytes, context: bytes) -> bytes:
        """Open what `wrap_secret` closed. Raises `BlobBroken`."""
        return unwrap_blob(self._keystore, wrapped, context)

    def open_sealed(self, sealed: bytes, info: bytes) -> bytes:
        """Open what a data owner sealed to any living version of the sealing key, newest first. Raises `SealBroken`."""
        for ref in reversed(self._living(SEALING)):
            with suppress(SealBroken):
                return open_sealed(self._keystore, ref, sealed, info)
        raise SealBroken

    def sign(self, label: str, payload: bytes, payload_type: str) -> bytes:
        """Sign a statement with the key `label`; returns a DSSE envelope."""
        return sign_envelope(payload, payload_type, KeyStoreSigner(self._keystore, self._keystore.active(label)))

    def verify(self, label: str, envelope: bytes, payload_type: str) -> bytes:
        """Return the payload of an envelope that some version of the key `label` signed. Raises `EnvelopeRejected`."""
        return open_envelope(envelope, payload_type, self._public_keys(label)).payload

    def checkpoint_signer(self) -> NoteSigner:
        """Whoever signs the log's tree heads."""
        ref = self._keystore.active(CHECKPOINTS)
        key = VerifierKey(self._origin, self._keystore.public_key(ref))
        return NoteSigner(key, lambda text: self._keystore.sign(ref, text))

    def public_keys(self) -> PublicKeys:
        """The public halves that clients pin."""
        sealing = self._keystore.public_key(self._keystore.active(SEALING))
        certificates = self._keystore.public_key(self._keystore.active(CERTIFICATES))
        return PublicKeys(
            sealing_key=base64.b64encode(public_bytes(sealing)).decode(),
            certificate_key=_pem(certificates),
            checkpoint_key=str(self.checkpoint_signer().key),
            keystore=self._keystore.capabilities().description,
        )

    def describe(self) -> list[dict[str, object]]:
        """Label, version, purpose, algorithm and state of every key; never material."""
        return [
            {
                "label": ref.label,
                "version": ref.version,
                "purpose": str(ref.purpose),
                "algorithm": str(ref.algorithm),
                "state": str(ref.state),
                "key_id": ref.key_id,
            }
            for ref in self._keystore.list()
        ]

    def probe(self) -> None:
        """Use the token once, to see that it still answers. Raises `HsmError`."""
        self.sign(GRANTS, b"", PROBE_TYPE)

    def _wrap(self, label: str, secret: bytes, context: bytes) -> bytes:
        return wrap_blob(self._keystore, self._key(label, Algorithm.AES256_KW), secret, context)

    def _key(self, label: str, algorithm: Algorithm) -> KeyRef:
        try:
            return self._keystore.active(label)
        except UnknownKey:
            return self._keystore.generate(label, algorithm.purpose, algorithm)

    def _public_keys(self, label: str) -> list[PublicKey]:
        return [self._keystore.public_key(ref) for ref in self._living(label)]

    def _living(self, label: str) -> list[KeyRef]:
        return [ref for ref in self._keystore.list() if ref.label == label and ref.state != KeyState.DESTROYED]

    def _checkpoint_algorithm(self) -> Algorithm:
        offered = self._keystore.capabilities().algorithms
        return Algorithm.ED25519 if Algorithm.ED25519 in offered else Algorithm.ECDSA_P256


def _pem(public_key: PublicKey) -> str:
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
