"""How our keys look as PKCS#11 objects: templates, names, and the record that says a version is active.

Rules:
- A secret is made in the token, sensitive, never extractable, never modifiable, with the attributes of one purpose:
  what can wrap cannot decrypt, so no wrapped key can be read back through the token (Clulow 2003; Bortolozzo et al.,
  "Attacking and Fixing PKCS#11 Security Tokens", CCS 2010).
- What the token made is read back and compared with what was asked; tokens are known that differ.
- A version is active when its record, a data object, exists; it is alive while its secret exists. So one write
  activates and one deletion destroys, and what a crash left half made has a name of ours and no record.

Record format, version 1: canonical JSON with the members algorithm, format, key_id, label, public, version.
"""

from __future__ import annotations

import json
from typing import Any

from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from hsm.errors import TokenFault
from hsm.keys import Algorithm, KeyRecord
from hsm.public_keys import ED25519_BYTES, POINT_BYTES

PREFIX = "secure-ds:"
RECORD_APPLICATION = "secure-ds key record"
RECORD_FORMAT = 1
_OCTET_STRING = 4  # DER tag

KEY_TYPES = {
    Algorithm.AES256_KW: KeyType.AES,
    Algorithm.ECDSA_P256: KeyType.EC,
    Algorithm.ECDH_P256: KeyType.EC,
    Algorithm.ED25519: KeyType.EC_EDWARDS,
}
CAPABILITIES = {
    Algorithm.AES256_KW: MechanismFlag.WRAP | MechanismFlag.UNWRAP,
    Algorithm.ECDSA_P256: MechanismFlag.SIGN | MechanismFlag.VERIFY,
    Algorithm.ED25519: MechanismFlag.SIGN | MechanismFlag.VERIFY,
    Algorithm.ECDH_P256: MechanismFlag.DERIVE,
}
CURVES = {
    Algorithm.ECDSA_P256: encode_named_curve_parameters("secp256r1"),
    Algorithm.ECDH_P256: encode_named_curve_parameters("secp256r1"),
    Algorithm.ED25519: encode_named_curve_parameters("1.3.101.112"),
}

SECRET_TEMPLATE = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.MODIFIABLE: False}

_SECRET_USES = {
    ObjectClass.SECRET_KEY: (
        Attribute.ENCRYPT,
        Attribute.DECRYPT,
        Attribute.WRAP,
        Attribute.UNWRAP,
        Attribute.SIGN,
        Attribute.VERIFY,
        Attribute.DERIVE,
    ),
    ObjectClass.PRIVATE_KEY: (Attribute.DECRYPT, Attribute.UNWRAP, Attribute.SIGN, Attribute.DERIVE),
}
_ALLOWED_USES = {
    Algorithm.AES256_KW: {Attribute.WRAP, Attribute.UNWRAP},
    Algorithm.ECDSA_P256: {Attribute.SIGN},
    Algorithm.ED25519: {Attribute.SIGN},
    Algorithm.ECDH_P256: {Attribute.DERIVE},
}


def secret_class(algorithm: Algorithm) -> ObjectClass:
    """The class of the object that holds the secret."""
    return ObjectClass.SECRET_KEY if algorithm is Algorithm.AES256_KW else ObjectClass.PRIVATE_KEY


def object_label(record: KeyRecord) -> str:
    """CKA_LABEL of a version's objects, for people who look into the token with other tools."""
    return f"{PREFIX}{record.label}#{record.version}"


def check_secret(record: KeyRecord, secret: Any) -> Any:
    """Return the object `secret` if it has the attributes that a key of ours must have.

    Raises:
        TokenFault: it is readable, extractable, or may be used for a second purpose.
    """
    uses = _SECRET_USES[secret_class(record.algorithm)]
    found = secret.get_attributes([Attribute.SENSITIVE, Attribute.EXTRACTABLE, *uses])
    may = {use for use in uses if found.get(use)}
    if not found.get(Attribute.SENSITIVE) or found.get(Attribute.EXTRACTABLE, True):
        raise TokenFault(f"the token holds the key {record} in a form that can be read out; destroy it")
    if may != _ALLOWED_USES[record.algorithm]:
        raise TokenFault(f"the token allows other uses of the key {record} than its purpose; destroy it")
    return secret


def read_point(algorithm: Algorithm, attribute: bytes) -> bytes:
    """The raw public key in a CKA_EC_POINT, which is a DER OCTET STRING on most tokens and raw on some.

    Raises:
        TokenFault: neither form, or the wrong length.
    """
    expected = ED25519_BYTES if algorithm is Algorithm.ED25519 else POINT_BYTES
    der_header = bytes([_OCTET_STRING, expected])
    raw = attribute[2:] if attribute.startswith(der_header) and len(attribute) == expected + 2 else attribute
    if len(raw) != expected:
        raise TokenFault("the token answered a public key in an unknown form")
    return raw


def data_key_template(value: bytes) -> dict[Attribute, Any]:
    """A 32-byte data key as a session object, readable because it is there only to be wrapped."""
    return {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.VALUE: value,
        **READABLE_TEMPLATE,
        **dict.fromkeys(_SECRET_USES[ObjectClass.SECRET_KEY], False),
    }


READABLE_TEMPLATE = {Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
"""For what a token makes to be read at once: an unwrapped data key, a shared secret. Never stored."""


def record_template(record: KeyRecord) -> dict[Attribute, Any]:
    """The data object that makes a version active."""
    return {
        Attribute.CLASS: ObjectClass.DATA,
        Attribute.APPLICATION: RECORD_APPLICATION,
        Attribute.LABEL: object_label(record),
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.MODIFIABLE: False,
        Attribute.VALUE: encode_record(record),
    }


def encode_record(record: KeyRecord) -> bytes:
    """A version's record as bytes."""
    members = {
        "algorithm": record.algorithm.value,
        "format": RECORD_FORMAT,
        "key_id": record.key_id.hex(),
        "label": record.label,
        "public": record.public.hex() if record.public else None,
        "version": record.version,
    }
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def decode_record(value: bytes, alive_ids: set[bytes]) -> KeyRecord:
    """Read a version's record; it is alive if its secret is among `alive_ids`.

    Raises:
        TokenFault: the bytes are not a record of version 1.
    """
    try:
        members = json.loads(value)
        if members["format"] != RECORD_FORMAT:
            raise ValueError
        key_id = bytes.fromhex(members["key_id"])
        return KeyRecord(
            label=members["label"],
            version=members["version"],
            algorithm=Algorithm(members["algorithm"]),
            key_id=key_id,
            public=bytes.fromhex(members["public"]) if members["public"] else None,
            alive=key_id in alive_ids,
        )
    except (KeyError, TypeError, ValueError):
        raise TokenFault("the token holds a key record of an unknown form") from None
