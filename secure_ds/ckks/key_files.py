"""Which evaluation keys a data set comes with, each on the shortest chain of primes that serves its use.

Pure Python: the process that receives uploads checks them with it.

| name | for | chain |
|---|---|---|
| `conjugation` | splitting a slot's two records, at the top level | full |
| `galois_products` | automorphisms inside a group of products | products (levels 0 to 2) |
| `galois_tail` | automorphisms: packing tree, trace, conjugation | tail (levels 0 and 1) |
| `relin` | products inside the activation and with columns, from level 2 on | full |
| `relin_tail` | the sums of products, at the last levels | tail |

Two more exist beside those, where they are needed:

| name | for | chain |
|---|---|---|
| `public` | encryption by owners who do not have the secret key | full |
| `rotation` | moving answers from one secret key to the next | tail |
"""

from typing import Final

from secure_ds.ckks.format import (
    check_galois_keys,
    check_public_key,
    check_relin_keys,
    galois_keys_bytes,
    public_key_bytes,
    relin_keys_bytes,
)
from secure_ds.ckks.packing import conjugation_element, galois_elements, group_elements
from secure_ds.ckks.parameters import Parameters

CONJUGATION: Final = "conjugation"
GALOIS_PRODUCTS: Final = "galois_products"
GALOIS_TAIL: Final = "galois_tail"
RELIN: Final = "relin"
RELIN_TAIL: Final = "relin_tail"
KEY_NAMES: Final = (CONJUGATION, GALOIS_PRODUCTS, GALOIS_TAIL, RELIN, RELIN_TAIL)
"""The evaluation keys of every data set."""

PUBLIC: Final = "public"
ROTATION: Final = "rotation"


def key_file_bytes(name: str, parameters: Parameters) -> int:
    """Return the exact length of a key file; `name` is one of the tables', else KeyError."""
    lengths = {
        CONJUGATION: galois_keys_bytes(parameters, 1),
        GALOIS_PRODUCTS: galois_keys_bytes(parameters.products, len(group_elements())),
        GALOIS_TAIL: galois_keys_bytes(parameters.tail, len(galois_elements(parameters))),
        RELIN: relin_keys_bytes(parameters),
        RELIN_TAIL: relin_keys_bytes(parameters.tail),
        PUBLIC: public_key_bytes(parameters),
        ROTATION: relin_keys_bytes(parameters.tail),
    }
    return lengths[name]


def check_key_file(name: str, data: bytes | memoryview, parameters: Parameters) -> None:
    """Accept exactly the well-formed key file of that name; `name` is one of the tables', else KeyError.

    Raises:
        MalformedCiphertext: something differs; the message says what, and what would be right.
    """
    checks = {
        CONJUGATION: lambda: check_galois_keys(data, parameters, [conjugation_element(parameters)]),
        GALOIS_PRODUCTS: lambda: check_galois_keys(data, parameters.products, group_elements()),
        GALOIS_TAIL: lambda: check_galois_keys(data, parameters.tail, galois_elements(parameters)),
        RELIN: lambda: check_relin_keys(data, parameters),
        RELIN_TAIL: lambda: check_relin_keys(data, parameters.tail),
        PUBLIC: lambda: check_public_key(data, parameters),
        ROTATION: lambda: check_relin_keys(data, parameters.tail),
    }
    checks[name]()
