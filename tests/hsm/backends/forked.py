"""Run as a script by `test_softhsm.py`: key stores and fork, in a process that nothing else shares.

Prints one JSON object. `refused`: what a child that inherited an open store met, by call. `signatures`: DER ECDSA
signatures in hex, made by children that each opened their own store before their parent ever did.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hsm.backends.pkcs11_token import Pkcs11KeyStore
from hsm.errors import HsmError
from hsm.keys import KeyRef
from hsm.pin import PinFile
from hsm.uri import TokenUri, parse_uri

CHILDREN = 4
SIGNATURES_EACH = 100


def in_child(work: Callable[[], Any]) -> Callable[[], Any]:
    """Start `work` in a forked child; what is returned waits for its answer."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)

    def wait() -> Any:
        with os.fdopen(reader, "rb") as file:
            answer = file.read()
        os.wait()
        return json.loads(answer)

    return wait


def sign_alone(uri: TokenUri, pin: PinFile, label: str) -> list[str]:
    with Pkcs11KeyStore(uri, pin) as store:
        ref = store.active(label)
        return [store.sign(ref, b"the same message").hex() for _ in range(SIGNATURES_EACH)]


def code_of(call: Callable[[], object]) -> str:
    try:
        call()
    except HsmError as error:
        return error.code
    return "no error"


def inherited(store: Pkcs11KeyStore, ref: KeyRef, uri: TokenUri, pin: PinFile) -> dict[str, str]:
    calls: dict[str, Callable[[], object]] = {
        "sign": lambda: store.sign(ref, b"message"),
        "list": store.list,
        "capabilities": store.capabilities,
        "rotate": lambda: store.rotate(ref.label),
        "destroy": lambda: store.destroy(ref),
        "open": lambda: Pkcs11KeyStore(uri, pin),
        "close": store.close,
    }
    return {name: code_of(call) for name, call in calls.items()}


def main(uri_text: str, pin_path: str, label: str) -> None:
    uri, pin = parse_uri(uri_text), PinFile(Path(pin_path))
    assert isinstance(uri, TokenUri)
    waits = [in_child(lambda: sign_alone(uri, pin, label)) for _ in range(CHILDREN)]
    signatures = [signature for wait in waits for signature in wait()]
    with Pkcs11KeyStore(uri, pin) as store:
        ref = store.active(label)
        refused = in_child(lambda: inherited(store, ref, uri, pin))()
        still = code_of(lambda: store.sign(ref, b"message"))
    print(json.dumps({"signatures": signatures, "refused": refused, "parent": still}))


if __name__ == "__main__":
    main(*sys.argv[1:])
