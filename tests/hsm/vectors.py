"""Published vectors, as hex.

HPKE_A3 is RFC 9180, appendix A.3.1 (DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence 0).
HPKE_A5 is RFC 9180, appendix A.5.1 (the same with ChaCha20Poly1305).
HPKE_AES256 is the entry of our very suite in the test-vectors.json that the CFRG published with the RFC; the RFC prints
no P-256 suite with AES-256-GCM. The tests check all three against `cryptography` as well as against ours.
RFC3394 is RFC 3394, section 4.6 (256-bit key data, 256-bit key-encryption key).
"""

from __future__ import annotations

from dataclasses import dataclass

HPKE_INFO = "4f6465206f6e2061204772656369616e2055726e"
HPKE_AAD = "436f756e742d30"
HPKE_PLAINTEXT = "4265617574792069732074727574682c20747275746820626561757479"


@dataclass(frozen=True)
class HpkeVector:
    aead_id: int
    key_bytes: int
    recipient_scalar: str
    recipient_point: str
    enc: str
    shared_secret: str
    key: str
    base_nonce: str
    ciphertext: str


HPKE_A3 = HpkeVector(
    aead_id=1,
    key_bytes=16,
    recipient_scalar="f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
    recipient_point=(
        "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a82"
        "6a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0"
    ),
    enc=(
        "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9"
        "8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
    ),
    shared_secret="c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
    key="868c066ef58aae6dc589b6cfdd18f97e",
    base_nonce="4e0bc5018beba4bf004cca59",
    ciphertext="5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
)
HPKE_A5 = HpkeVector(
    aead_id=3,
    key_bytes=32,
    recipient_scalar="a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b",
    recipient_point=(
        "04a697bffde9405c992883c5c439d6cc358170b51af72812333b015621dc0f40ba"
        "d9bb726f68a5c013806a790ec716ab8669f84f6b694596c2987cf35baba2a006"
    ),
    enc=(
        "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824fc1"
        "559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291"
    ),
    shared_secret="806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850",
    key="a8f45490a92a3b04d1dbf6cf2c3939ad8bfc9bfcb97c04bffe116730c9dfe3fc",
    base_nonce="726b4390ed2209809f58c693",
    ciphertext="6469c41c5c81d3aa85432531ecf6460ec945bde1eb428cb2fedf7a29f5a685b4ccb0d057f03ea2952a27bb458b",
)
HPKE_AES256 = HpkeVector(
    aead_id=2,
    key_bytes=32,
    recipient_scalar="317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
    recipient_point=(
        "04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f"
        "853148544876de76c0f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d2356c"
    ),
    enc=(
        "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e"
        "0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff5370d331a4f1f7d5a4e0"
    ),
    shared_secret="48893fecd82f7c3456af6a42d8f56325d21e08c10fa81299986aaff54cde7b49",
    key="ee16802a936d5f544771131900ee6973d0551de9e852ece2ef34bf0d5f9e1d1d",
    base_nonce="9bc50980832a7b4b58c40161",
    ciphertext="58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f",
)

RFC3394_KEK = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
RFC3394_KEY = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"
RFC3394_WRAPPED = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
