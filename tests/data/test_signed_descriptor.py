"""A descriptor is read only under the signature of the key it names."""

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.data import envelope
from secure_ds.data.descriptor import parse_descriptor
from secure_ds.data.errors import InvalidDescriptor, InvalidEnvelope
from secure_ds.data.signed_descriptor import open_descriptor, sign_descriptor
from tests.data.descriptors import descriptor_json

OWNER, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
DESCRIPTOR = parse_descriptor(rfc8785.dumps(descriptor_json(upload_key=OWNER.public_key().public_bytes_raw().hex())))


def test_round_trip():
    assert open_descriptor(sign_descriptor(DESCRIPTOR, OWNER), OWNER.public_key()) == DESCRIPTOR


def test_only_the_named_key_signs_and_opens():
    with pytest.raises(InvalidEnvelope):
        sign_descriptor(DESCRIPTOR, STRANGER)
    with pytest.raises(InvalidEnvelope):
        open_descriptor(sign_descriptor(DESCRIPTOR, OWNER), STRANGER.public_key())
    with pytest.raises(InvalidEnvelope):
        open_descriptor(envelope.sign(DESCRIPTOR.canonical, STRANGER), STRANGER.public_key())


def test_a_signature_does_not_make_it_valid():
    with pytest.raises(InvalidDescriptor):
        open_descriptor(envelope.sign(b"{}", OWNER), OWNER.public_key())
