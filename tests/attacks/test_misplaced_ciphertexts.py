"""Ciphertexts of another place: each is refused where it arrives, before anything is decompressed or computed with it.

At the upload, over HTTP, whatever length its owner signs for; and at the custodian, where it would be decrypted, before
anything is paid.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rfc8785
import zstandard

from secure_ds.ckks import memory_io
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.input_files import PUBLIC_KEY, SYMMETRIC_SEEDED, Encryption, input_file_bytes
from secure_ds.ckks.keys import generate_public_key, generate_secret_key
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian import answering
from secure_ds.data.envelope import sign
from secure_ds.services.context import CustodyRefused
from tests.api.served import Served, problem_of
from tests.custodian.offers import Offer, public_hex
from tests.data.descriptors import PARAMETERS, descriptor_json
from tests.prepared import Hands
from tests.simulators.misplaced import EVERYWHERE, SEEDED, Misplaced

OCTETS = "application/octet-stream"
SCALE = float.fromhex(descriptor_json()["input_scale"])
UPLOADS = [
    *((SYMMETRIC_SEEDED, make) for make in (*EVERYWHERE, *SEEDED)),
    *((PUBLIC_KEY, make) for make in EVERYWHERE),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return Served(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def honest() -> dict[str, bytes]:
    """A good upload of either kind."""
    with generate_secret_key(PARAMETERS) as secret:
        keys = {SYMMETRIC_SEEDED: secret, PUBLIC_KEY: generate_public_key(PARAMETERS, secret)}
        return {
            kind: next(encrypt_columns(PARAMETERS, key, np.full((9, 1), 0.25), SCALE, n_labels=0)).data
            for kind, key in keys.items()
        }


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever decompresses, loads into SEAL or decrypts while the test runs fails it."""

    def fail(*_: object, **__: object) -> Any:
        raise AssertionError("a refused ciphertext was worked on")

    monkeypatch.setattr(zstandard, "ZstdDecompressor", fail)
    monkeypatch.setattr(memory_io, "load", fail)
    monkeypatch.setattr(answering, "decrypt_released", fail)
    yield


def registration(served: Served, kind: Encryption, data: bytes, length: int) -> dict[str, Any]:
    """A signed descriptor whose first ciphertext is `data`, said to have `length` bytes."""
    offer = Offer(served.installation.custodian)
    sealed = offer.seal()
    blocks = [block | {"bytes": input_file_bytes(PARAMETERS, kind)} for block in descriptor_json()["blocks"]]
    blocks[0] |= {"digest": digest_bytes(data), "bytes": length}
    fields = descriptor_json(
        dataset_id=offer.dataset_id,
        upload_key=public_hex(offer.upload_key),
        sealed_key={"digest": digest_bytes(sealed), "bytes": len(sealed)},
        blocks=blocks,
        encryption=kind,
    )
    envelope = json.loads(sign(rfc8785.dumps(fields), offer.upload_key))
    return {"envelope": envelope, "sealed_key": base64.b64encode(sealed).decode(), "name": "another"}


def put(served: Served, kind: Encryption, data: bytes) -> Any:
    """Register under the right length and send whatever bytes there are."""
    length = input_file_bytes(PARAMETERS, kind)
    http = served.owner()
    answer = http.post("/v1/datasets", json=registration(served, kind, data, length))
    assert answer.status_code == 201, answer.text
    path = f"/v1/datasets/{answer.get_json()['id']}/blobs/{digest_bytes(data)}"
    return http.put(path, data=data, content_type=OCTETS, headers={"Upload-Offset": "0"})


@pytest.mark.parametrize("kind", [SYMMETRIC_SEEDED, PUBLIC_KEY])
def test_a_good_upload_is_taken(served: Served, honest: dict[str, bytes], kind: Encryption) -> None:
    """Otherwise what follows would be refused for another reason."""
    assert put(served, kind, honest[kind]).get_json()["complete"] is True


@pytest.mark.parametrize(("kind", "make"), UPLOADS, ids=lambda value: getattr(value, "__name__", value))
def test_over_http(
    served: Served,
    honest: dict[str, bytes],
    kind: Encryption,
    make: Misplaced,
    request: pytest.FixtureRequest,
) -> None:
    data, right = make(honest[kind], PARAMETERS), input_file_bytes(PARAMETERS, kind)
    request.getfixturevalue("nothing_runs")
    if len(data) != right:
        refused = served.owner().post("/v1/datasets", json=registration(served, kind, data, len(data)))
        assert problem_of(refused)["status"] == 422  # the owner signs for its true length
    fitted = data[:right].ljust(right, b"\0")
    problem = problem_of(put(served, kind, fitted))
    assert (problem["status"], problem["code"]) == (422, "malformed_blob")
    assert problem["facts"]["reason"] not in {"length", "digest"}


@pytest.mark.parametrize("make", EVERYWHERE, ids=lambda make: make.__name__)
def test_at_the_custodian(hands: Hands, make: Misplaced, request: pytest.FixtureRequest) -> None:
    """The service paid for the misplaced ciphertext; the custodian pays nothing and decrypts nothing."""
    data = make(hands.evaluate(), hands.descriptor.parameters)
    hands.pay(data)
    request.getfixturevalue("nothing_runs")
    with pytest.raises(CustodyRefused) as refused:
        hands.installation.context.custody.answer(hands.question(data))
    assert refused.value.code == "ciphertext_rejected"
    assert hands.installation.custodian.journal.spend(hands.job.id, 0) is None


def test_the_custodian_answers_the_honest_one(hands: Hands) -> None:
    """The control of the test above."""
    assert hands.carry_out()


def test_the_files_of_the_worker_hold_what_was_checked(tmp_path: Path) -> None:
    """A blob changed after the upload never reaches SEAL: its digest is compared first."""
    served = Served(tmp_path)
    descriptor = served.ready.descriptor
    path = served.installation.context.blobs.path(descriptor.dataset_id, descriptor.blocks[0].digest)  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    served.installation.run()
    done = served.installation.services.show_job(served.ready.owner, served.ready.job.id)
    assert (done.state, "blob_changed" in (done.failure or "")) == ("failed", True)
