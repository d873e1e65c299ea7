"""Uploads that cannot be used, over HTTP: each a clear 4xx problem document, and nothing stored or half done."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from api.settings import ApiSettings
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, input_file_bytes
from secure_ds.ckks.key_files import KEY_NAMES
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.parameters import Parameters
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Role
from tests.api.served import Served, problem_of
from tests.attacks.hostile_owner import HostileOwner
from tests.attacks.test_upload_contents import label_of_2
from tests.data.descriptors import PARAMETERS, descriptor_json
from tests.simulators.mutants import mutants

OCTETS = "application/octet-stream"
SCALE = float.fromhex(descriptor_json()["input_scale"])
SCALE_AT = 16 + 32 + 1 + 3 * 8
RESIDUES_AT = 113
MAX_BLOB = 64 * 2**20


@dataclass
class Uploads:
    """A service, and an owner who registers data sets by hand."""

    served: Served
    http: FlaskClient

    def register(self, data: bytes) -> tuple[str, str]:
        """Register a data set whose first ciphertext is announced to be `data`; return its path and digest."""
        digest = digest_bytes(data)
        blocks = descriptor_json()["blocks"]
        blocks[0] |= {"digest": digest, "bytes": len(data)}
        answer = self.http.post("/v1/datasets", json=self.served.registration(blocks=blocks))
        assert answer.status_code == 201, answer.text
        return f"/v1/datasets/{answer.get_json()['id']}", digest

    def put(self, path: str, digest: str, data: bytes, offset: int | str = 0, **environ: Any) -> Any:
        headers = {"Upload-Offset": str(offset)}
        return self.http.put(
            f"{path}/blobs/{digest}", data=data, content_type=OCTETS, headers=headers, environ_overrides=environ
        )


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uploads]:
    served = Served(tmp_path_factory.mktemp("served"), ApiSettings(max_blob_bytes=MAX_BLOB))
    yield Uploads(served, served.owner())


def encrypted(parameters: Parameters = PARAMETERS, scale: float = SCALE) -> bytes:
    with generate_secret_key(parameters) as secret:
        (block,) = encrypt_columns(parameters, secret, np.full((10, 1), 0.25), scale, n_labels=0)
    return block.data


@pytest.fixture(scope="module")
def valid() -> bytes:
    return encrypted()


def test_a_good_ciphertext_is_taken(uploads: Uploads, valid: bytes) -> None:
    """Otherwise what follows would be refused for another reason."""
    path, digest = uploads.register(valid)
    assert uploads.put(path, digest, valid).get_json()["complete"] is True


# Signed by the owner: the descriptor announces these very bytes, and only the check of their form is left.


def other_primes(_: bytes) -> bytes:
    """A ciphertext of another ring of the same size."""
    other = Parameters.from_bits(4096, (25, 26, 25, 27))
    data = encrypted(other)
    assert len(data) == input_file_bytes(PARAMETERS, SYMMETRIC_SEEDED)
    return data


def other_scale(_: bytes) -> bytes:
    return encrypted(scale=SCALE * 2)


def scale_that_is_no_number(valid: bytes) -> bytes:
    return valid[:SCALE_AT] + struct.pack("<d", float("nan")) + valid[SCALE_AT + 8 :]


def residues_too_large(valid: bytes) -> bytes:
    return valid[: RESIDUES_AT + 7] + b"\xff" + valid[RESIDUES_AT + 8 :]


def a_key_instead(valid: bytes) -> bytes:
    with generate_secret_key(PARAMETERS) as secret:
        keys = dict(generate_key_files(PARAMETERS, secret))
    return keys["relin"][: len(valid)]


def text_instead(valid: bytes) -> bytes:
    return (b"patient,age,label\n" * len(valid))[: len(valid)]


FORMS = [
    other_primes,
    other_scale,
    scale_that_is_no_number,
    residues_too_large,
    a_key_instead,
    text_instead,
]


@pytest.mark.parametrize("make", FORMS, ids=lambda make: make.__name__)
def test_what_the_owner_signed_must_still_be_a_ciphertext(
    uploads: Uploads, valid: bytes, make: Callable[[bytes], bytes]
) -> None:
    data = make(valid)
    path, digest = uploads.register(data)
    before = uploads.served.state()
    problem = problem_of(uploads.put(path, digest, data))
    assert (problem["status"], problem["code"]) == (422, "malformed_blob")
    assert problem["facts"]["kind"] == "ciphertext"
    assert problem["facts"]["reason"]
    assert uploads.served.state() == before


def test_every_structural_mutant_that_has_the_right_length_is_refused(uploads: Uploads, valid: bytes) -> None:
    same_length = [mutant for mutant in mutants(valid, seed=5, count=28) if len(mutant.data) == len(valid)]
    refused = [mutant for mutant in same_length if mutant.must_refuse]
    assert len(refused) >= 8
    for mutant in refused:
        path, digest = uploads.register(mutant.data)
        before = uploads.served.state()
        problem = problem_of(uploads.put(path, digest, mutant.data))
        assert (problem["status"], problem["code"]) == (422, "malformed_blob"), mutant.kind
        assert uploads.served.state() == before


# Not what the owner signed.


@pytest.fixture(scope="module")
def open_upload(uploads: Uploads, valid: bytes) -> tuple[str, str]:
    """A data set that waits for `valid`."""
    data = valid[:-8] + bytes(8)
    return uploads.register(data)


def one_bit_off(valid: bytes) -> bytes:
    return valid[:-1] + bytes([valid[-1] ^ 1])


def another_ciphertext(_: bytes) -> bytes:
    return encrypted()


def zeros(valid: bytes) -> bytes:
    return bytes(len(valid))


@pytest.mark.parametrize("make", [one_bit_off, another_ciphertext, zeros], ids=lambda make: make.__name__)
def test_other_bytes_than_the_owner_signed_are_thrown_away(
    uploads: Uploads, valid: bytes, open_upload: tuple[str, str], make: Callable[[bytes], bytes]
) -> None:
    path, digest = open_upload
    before = uploads.served.state()
    problem = problem_of(uploads.put(path, digest, make(valid)))
    assert (problem["status"], problem["code"]) == (422, "digest_mismatch")
    assert uploads.served.state() == before


def test_a_body_of_two_gigabytes_is_refused_unread(uploads: Uploads, open_upload: tuple[str, str]) -> None:
    path, digest = open_upload
    before = uploads.served.state()
    for length in (2**31, MAX_BLOB + 1):
        problem = problem_of(uploads.put(path, digest, b"", CONTENT_LENGTH=str(length)))
        assert (problem["status"], problem["code"]) == (413, "too_large")
    assert uploads.served.state() == before


def test_more_than_the_descriptor_announces_is_refused_unread(
    uploads: Uploads, valid: bytes, open_upload: tuple[str, str]
) -> None:
    path, digest = open_upload
    before = uploads.served.state()
    problem = problem_of(uploads.put(path, digest, valid + b"x"))
    assert (problem["status"], problem["code"]) == (413, "too_large")
    assert str(len(valid)) in problem["detail"]
    assert uploads.served.state() == before


PLACES: dict[str, tuple[int | str, int, str]] = {
    "behind the end": (1, 409, "upload_offset_mismatch"),
    "far behind": (50_000, 409, "upload_offset_mismatch"),
    "beyond the blob": (10**9, 413, "too_large"),
    "before the start": (-1, 422, "invalid_request"),
    "no number": ("start", 422, "invalid_request"),
    "beyond all numbers": (10**30, 422, "invalid_request"),
}


@pytest.mark.parametrize(("offset", "status", "code"), PLACES.values(), ids=PLACES.keys())
def test_a_part_in_the_wrong_place_is_refused(
    uploads: Uploads, valid: bytes, open_upload: tuple[str, str], offset: int | str, status: int, code: str
) -> None:
    path, digest = open_upload
    before = uploads.served.state()
    problem = problem_of(uploads.put(path, digest, valid[:100], offset))
    assert (problem["status"], problem["code"]) == (status, code)
    assert uploads.served.state() == before


def test_a_blob_that_nobody_announced_is_refused(uploads: Uploads, valid: bytes, open_upload: tuple[str, str]) -> None:
    path, _ = open_upload
    before = uploads.served.state()
    problem = problem_of(uploads.put(path, "sha256:" + "0" * 64, valid))
    assert (problem["status"], problem["code"]) == (404, "not_found")
    problem = problem_of(uploads.put(path, "../../../service.db", valid))
    assert (problem["status"], problem["code"]) == (404, "not_found")
    problem = problem_of(uploads.put(f"/v1/datasets/{new_id('ds')}", digest_bytes(valid), valid))
    assert (problem["status"], problem["code"]) == (404, "not_found")
    assert uploads.served.state() == before


def test_a_blob_must_be_sent_as_octets(uploads: Uploads, open_upload: tuple[str, str]) -> None:
    path, digest = open_upload
    problem = problem_of(uploads.http.put(f"{path}/blobs/{digest}", json={}))
    assert (problem["status"], problem["code"]) == (415, "unsupported_media_type")


def test_an_upload_cannot_be_closed_while_blobs_are_missing(uploads: Uploads, open_upload: tuple[str, str]) -> None:
    """Evaluation keys and all other ciphertexts of this data set have not arrived."""
    path, _ = open_upload
    before = uploads.served.state()
    problem = problem_of(uploads.http.post(f"{path}/finish"))
    assert (problem["status"], problem["code"]) == (409, "state_conflict")
    assert problem["facts"]["missing"] == len(descriptor_json()["blocks"]) + len(KEY_NAMES)
    assert uploads.served.state() == before


def test_an_upload_without_its_evaluation_keys_cannot_be_closed(tmp_path: Path) -> None:
    """All ciphertexts have arrived, the keys have not."""
    served = Served(tmp_path)
    hostile = HostileOwner(served.installation, served.ready.owner)
    package = hostile.package(directory := hostile.encrypt())
    served.installation.register(served.ready.owner, package, directory)
    http, path = served.owner(), f"/v1/datasets/{package.descriptor.dataset_id}"
    for blob in package.descriptor.blocks:
        data = package.path(blob).read_bytes()
        assert http.put(f"{path}/blobs/{blob.digest}", data=data, content_type=OCTETS).status_code == 200
    before = served.state()
    problem = problem_of(http.post(f"{path}/finish"))
    assert (problem["status"], problem["facts"]) == (409, {"missing": len(KEY_NAMES)})
    assert any(name in problem["detail"] for name in KEY_NAMES)
    assert served.state() == before


def test_a_data_set_that_is_ready_takes_no_blobs(uploads: Uploads, valid: bytes) -> None:
    path = f"/v1/datasets/{uploads.served.ready.dataset_id}"
    before = uploads.served.state()
    for blob in (uploads.served.ready.descriptor.blocks[0].digest, digest_bytes(valid)):
        problem = problem_of(uploads.put(path, blob, valid))
        assert problem["status"] in (403, 404)
    assert problem_of(uploads.http.post(f"{path}/finish"))["status"] == 403
    assert uploads.served.state() == before


def test_a_refused_data_set_takes_no_job(tmp_path: Path) -> None:
    """What only the norm check can find (a label of 2, another key's ciphertext) is refused at the job's door."""
    served = Served(tmp_path)
    hostile = HostileOwner(served.installation, served.ready.owner)
    view = hostile.submit(hostile.encrypt(change=label_of_2))
    http = served.user("alice", Role.DATA_OWNER)
    shown = http.get(f"/v1/datasets/{view.id}").get_json()
    assert (shown["state"], shown["refusal"]["code"]) == ("refused", "norm_check_failed")
    before = served.state()
    job = {"dataset_id": view.id, "purpose": "research", "epsilon": 0.5, "delta": 1e-5}
    for path in ("/v1/jobs", "/v1/quotes"):
        problem = problem_of(http.post(path, json=job))
        assert (problem["status"], problem["code"]) == (403, "policy_denied")
        assert "ready" in problem["detail"]
    assert served.state() == before
