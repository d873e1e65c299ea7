"""Rotating a data set's key, on the owner's machine: a new secret, sealed, and a descriptor that names its parent.

    descriptor.json   the successor's descriptor in its signed envelope
    sealed_key.bin    the new CKKS secret key, sealed to the custodian

Rules kept here:

1. The owner has forgotten the old secret, and does not need it: the custodian, which holds both, makes the key that
   moves answers from one to the other.
2. What is sent is written first: a rotation that was interrupted is sent again, not made again.
"""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.keys import generate_secret_key
from secure_ds.client.client import Client
from secure_ds.client.errors import InvalidPackage
from secure_ds.client.package import DESCRIPTOR_FILE, SEALED_KEY_FILE, prepare_directory, read_file, write_last
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.data.descriptor import DatasetDescriptor, FileReference
from secure_ds.data.rotation import successor
from secure_ds.data.sealing import seal, sealing_info
from secure_ds.data.signed import open_own_descriptor
from secure_ds.data.signed_descriptor import sign_descriptor
from secure_ds.wire.datasets import DatasetCreate, DatasetView, Envelope


def write_rotation(
    directory: Path,
    parent: DatasetDescriptor,
    max_decryptions: int,
    custodian_key: ec.EllipticCurvePublicKey,
    upload_key: Ed25519PrivateKey,
) -> DatasetDescriptor:
    """Make a new secret key for a data set and write its successor's descriptor.

    Args:
        directory: must not exist, or be empty.
        parent: the data set whose key is to be rotated, its signature checked.
        max_decryptions: noisy answers that the new key may give in its life.
        custodian_key: P-256 key that the new secret is sealed to.
        upload_key: the owner's, the one that signed the parent.

    Raises:
        InvalidPackage: the directory is not empty.
        InvalidDescriptor: the parent's key is shared with other owners.
        InvalidEnvelope: another upload key signed the parent.
        ValueError: the custodian's key is not on P-256.
    """
    prepare_directory(directory)
    dataset_id = new_id("ds")
    with generate_secret_key(parent.parameters) as secret_key:
        info = sealing_info(dataset_id, parent.parameters.digest, parent.upload_key)
        sealed = seal(secret_key.to_bytes(), custodian_key, info)
    reference = FileReference(digest=digest_bytes(sealed), bytes=len(sealed))
    child = successor(parent, dataset_id=dataset_id, sealed_key=reference, max_decryptions=max_decryptions)
    envelope = sign_descriptor(child, upload_key)
    (directory / SEALED_KEY_FILE).write_bytes(sealed)
    write_last(directory / DESCRIPTOR_FILE, envelope)
    return child


def send_rotation(client: Client, directory: Path) -> DatasetView:
    """Have a written rotation carried out; again changes nothing. Returns the successor, which is ready.

    Raises:
        InvalidPackage: the directory holds no rotation.
        ProblemError: the service or the custodian refuses it.
    """
    envelope, sealed = read_file(directory / DESCRIPTOR_FILE), read_file(directory / SEALED_KEY_FILE)
    child = open_own_descriptor(envelope)
    if child.rotation is None:
        raise InvalidPackage(f"{directory.name} holds a data set, not a rotation; use `secure-ds dataset upload`")
    parent = client.dataset(child.rotation.parent)
    body = DatasetCreate(
        envelope=Envelope.model_validate_json(envelope),
        sealed_key=base64.b64encode(sealed).decode(),
        name=parent.name,
        sensitivity=parent.sensitivity,
    )
    client.register_dataset(body, child.digest)
    return client.dataset(child.dataset_id)
