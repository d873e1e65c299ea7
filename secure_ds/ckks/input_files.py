"""The two ways in which an owner encrypts columns, and the files they make.

Pure Python: the process that receives uploads checks them with it.

| name | who encrypts | file |
|---|---|---|
| `symmetric_seeded` | the one owner, who made the secret key | first polynomial, seed of the second: half the bytes |
| `public_key` | each of several owners, under one public key | both polynomials |

Fresh files are at the top level. What noise either has is `bounds.NoiseModel.encryption_operator`.
"""

from typing import Final, Literal

from secure_ds.ckks.format import check_ciphertext, check_seeded_ciphertext, ciphertext_bytes, seeded_ciphertext_bytes
from secure_ds.ckks.parameters import Parameters

Encryption = Literal["symmetric_seeded", "public_key"]
SYMMETRIC_SEEDED: Final = "symmetric_seeded"
PUBLIC_KEY: Final = "public_key"


def input_file_bytes(parameters: Parameters, encryption: Encryption) -> int:
    """Return the exact length of one fresh ciphertext's file."""
    length = seeded_ciphertext_bytes if encryption == SYMMETRIC_SEEDED else ciphertext_bytes
    return length(parameters, parameters.top_level)


def check_input_file(data: bytes | memoryview, parameters: Parameters, scale: float, encryption: Encryption) -> None:
    """Accept exactly the well-formed fresh ciphertexts of that kind at that scale.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    check = check_seeded_ciphertext if encryption == SYMMETRIC_SEEDED else check_ciphertext
    check(data, parameters, parameters.top_level, scale)
