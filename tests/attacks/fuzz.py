"""Mutated uploads against a real API process: what is sent, what must be answered, and the count of both.

Half of the mutants are sent as they are: the descriptor announces the original. Of the other half the owner signed the
mutants themselves. A ring of degree 4096 keeps each ciphertext at 131 kB; the norm check works in it, training not.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from random import Random
from typing import Any

import httpx
import numpy as np
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.engine import Engine
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.norm_check import norm_check_ciphertexts
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.data import envelope
from secure_ds.data.descriptor import parse_descriptor
from secure_ds.data.sealing import seal, sealing_info
from secure_ds.services.planning import norm_plan_for
from tests.custodian.offers import public_hex
from tests.simulators.mutants import Mutant, mutants, seeded_mutants

RING, SCALE, ETA = Parameters.from_bits(4096, (35, 35, 34)), 2.0**26, 2.0**-6
RECORDS = 40
COLUMNS = 4  # one feature, the bias, slack, label
PLACES_A_SET = 96
OCTETS = {"Content-Type": "application/octet-stream"}


@dataclass
class Original:
    """An honest small data set and everything its owner knows, from which mutants are made."""

    custodian_key: ec.EllipticCurvePublicKey
    upload_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        with generate_secret_key(RING) as secret:
            self.secret = secret.to_bytes()
            self.keys = dict(generate_key_files(RING, secret))
            x = np.linspace(-0.5, 0.5, RECORDS)
            slack = np.sqrt(1 - x**2 - 0.25)
            matrix = np.column_stack([x, np.full(RECORDS, 0.5), slack, np.where(x > 0, 0.5, -0.5)])
            self.columns = [b.data for b in encrypt_columns(RING, secret, matrix, SCALE, n_labels=1)]

    def registration(self, columns: list[Any], keys: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """A request body: a fresh data set of these files, each given as bytes or as an announced (digest, length)."""
        dataset_id, public = new_id("ds"), public_hex(self.upload_key)
        info = sealing_info(dataset_id, RING.digest, public)
        sealed = seal(self.secret, self.custodian_key, info)
        fields = self._fields(dataset_id, columns, {**self.keys, **(keys or {})}) | {
            "sealed_key": {"digest": digest_bytes(sealed), "bytes": len(sealed)},
            "upload_key": public,
        }
        signed = json.loads(envelope.sign(_payload(fields | changes), self.upload_key))
        return {"envelope": signed, "sealed_key": base64.b64encode(sealed).decode(), "name": "fuzz"}

    def passes_norm_check(self, columns: list[bytes], keys: dict[str, bytes] | None = None) -> bool:
        """Judge a block as worker and custodian do, in this process."""
        body = self.registration(columns, keys)
        plan = norm_plan_for(parse_descriptor(base64.b64decode(body["envelope"]["payload"])))
        engine = Engine(RING, {**self.keys, **keys}) if keys else self._engine
        found = norm_check_ciphertexts(engine, plan, columns[:-1], columns[-1:])
        with SecretKey.from_bytes(self.secret) as secret:
            norms, labels = (
                decrypt_slots(RING, secret, data, level=plan.level, scale=plan.scale)
                for data in (found.norms, found.labels)
            )
        return plan.accepts(0, norms, labels)

    @cached_property
    def _engine(self) -> Engine:
        return Engine(RING, self.keys)

    def _fields(self, dataset_id: str, columns: list[Any], keys: dict[str, Any]) -> dict[str, Any]:
        blocks = len(columns) // COLUMNS
        return {
            "format": "secure-ds/dataset/2",
            "dataset_id": dataset_id,
            "tenant": "clinic",
            "unit": {"kind": "record", "records_per_person": 1},
            "limits": {
                "epsilon": 1.0,
                "delta": 1e-5,
                "purposes": ["research"],
                "max_decryptions": 8,
                "dual_evaluation_required": False,
            },
            "content": "records",
            "n_records": (blocks - 1) * RING.poly_modulus_degree + RECORDS,
            "n_features": 2,
            "feature_map": {
                "map": "declared_table",
                "version": 1,
                "about": "",
                "columns": [{"name": "x", "low": -1.0, "high": 1.0, "log1p": False}],
                "unit_ball": {"radius": 1.0, "bias": 0.5},
            },
            "classes": ["no", "yes"],
            "parameters": RING.to_json(),
            "encryption": "symmetric_seeded",
            "input_scale": SCALE.hex(),
            "eta": ETA.hex(),
            "evaluation_keys": [{"name": name, **_announced(data)} for name, data in keys.items()],
            "blocks": [
                {"column": index // blocks, "block": index % blocks, **_announced(data)}
                for index, data in enumerate(columns)
            ],
            "results_key": None,
            "rotation": None,
            "group": None,
        }


def _payload(fields: dict[str, Any]) -> bytes:
    """Canonical JSON, or plain JSON where a number has no canonical form."""
    try:
        return rfc8785.dumps(fields)
    except rfc8785.CanonicalizationError:
        return json.dumps(fields).encode()


def _announced(data: bytes) -> dict[str, Any]:
    return {"digest": digest_bytes(data), "bytes": len(data)}


def mutants_of(name: str, data: bytes, seed: int, count: int) -> Iterator[Mutant]:
    """Mutants of an uploaded file: of a seeded ciphertext, or of a key."""
    return (seeded_mutants if name == "ciphertext" else mutants)(data, seed, count)


class Fuzz:
    """Sends mutants over HTTP and counts the answers; where a clear 4xx is due, anything else is an AssertionError."""

    def __init__(self, url: str, token: str, original: Original, seed: int) -> None:
        one_request_each = httpx.Limits(max_keepalive_connections=0)  # the server closes behind a body it did not read
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60.0, limits=one_request_each)
        self.original = original
        self.seed = seed
        self.answers: Counter[str] = Counter()
        self.valid: list[tuple[str, bytes]] = []
        """What was signed, is well-formed and was therefore taken: (file it replaces, bytes)."""

    def unsigned(self, count: int) -> None:
        """Send mutants in place of the originals that a descriptor announces."""
        body = self.original.registration(self.original.columns)
        path = self._register(body)
        for name, data, share in self._files():
            for mutant in mutants_of(name, data, self.seed, int(count * share)):
                self._send_unsigned(path, name, data, mutant)
        for mutant in islice(self._changed_descriptors(body), count - self.sent):
            self._refused("unsigned descriptor", self.http.post("/v1/datasets", json=mutant))
        self._nothing_arrived(path)

    def signed(self, count: int) -> None:
        """Send mutants that the owner announces and signs for."""
        before = self.sent
        for name, data, share in self._files():
            made = (
                mutant for mutant in mutants_of(name, data, self.seed + 1, int(count * share)) if mutant.data != data
            )
            whole: dict[bytes, Mutant] = {}  # a descriptor announces no file twice
            for mutant in made:
                if len(mutant.data) != len(data):
                    self._announce_other_length(name, mutant)
                elif name != "ciphertext":
                    self._send_key(name, mutant)
                else:
                    whole[mutant.data] = mutant
                if len(whole) == PLACES_A_SET:
                    self._send_batch([*whole.values()])
                    whole.clear()
            if whole:
                self._send_batch([*whole.values()])
        rng = Random(self.seed)
        while self.sent - before < count:
            parameters = _other_parameters(rng)
            if parameters == RING.to_json():
                continue  # a number replaced by itself
            body = self.original.registration(self.original.columns, parameters=parameters)
            self._refused("signed parameters", self.http.post("/v1/datasets", json=body))

    @property
    def sent(self) -> int:
        """Mutants sent so far."""
        return sum(self.answers.values())

    def complete(self, name: str, data: bytes) -> str:
        """Upload a whole data set with one valid mutant in it and close it; return its id."""
        columns, keys = list(self.original.columns), dict(self.original.keys)
        if name == "ciphertext":
            columns[0] = data
        else:
            keys[name] = data
        path = self._register(self.original.registration(columns, keys))
        for blob in (*keys.values(), *columns):
            assert self._put(path, digest_bytes(blob), blob).status_code == httpx.codes.OK
        assert self.http.post(f"{path}/finish").status_code == httpx.codes.ACCEPTED
        return path.rpartition("/")[2]

    def show(self, dataset_id: str) -> dict[str, Any]:
        """A data set as it stands."""
        shown: dict[str, Any] = self.http.get(f"/v1/datasets/{dataset_id}").json()
        return shown

    def _files(self) -> Iterator[tuple[str, bytes, float]]:
        """Name, contents and share of the mutants of what is mutated."""
        yield "ciphertext", self.original.columns[0], 0.85
        yield "relin_tail", self.original.keys["relin_tail"], 0.09
        yield "galois_tail", self.original.keys["galois_tail"], 0.01

    def _send_unsigned(self, path: str, name: str, data: bytes, mutant: Mutant) -> None:
        if mutant.data == data:
            return
        digest = digest_bytes(data)
        answer = self._put(path, digest, mutant.data)
        if len(mutant.data) < len(data) and answer.status_code == httpx.codes.OK:
            assert answer.json()["complete"] is False
            rest = bytes(len(data) - len(mutant.data))
            answer = self._put(path, digest, rest, len(mutant.data))
        self._refused(f"unsigned {name}", answer)

    def _send_batch(self, batch: list[Mutant]) -> None:
        filler = [b"%d" % place + self.original.columns[0][1:] for place in range(-len(batch) % COLUMNS)]
        path = self._register(self.original.registration([*(mutant.data for mutant in batch), *filler]))
        for mutant in batch:
            self._judge("ciphertext", mutant, self._put(path, digest_bytes(mutant.data), mutant.data))

    def _send_key(self, name: str, mutant: Mutant) -> None:
        path = self._register(self.original.registration(self.original.columns, {name: mutant.data}))
        self._judge(name, mutant, self._put(path, digest_bytes(mutant.data), mutant.data))

    def _announce_other_length(self, name: str, mutant: Mutant) -> None:
        columns, keys = list(self.original.columns), {}
        if name == "ciphertext":
            columns[0] = mutant.data
        else:
            keys[name] = mutant.data
        body = self.original.registration(columns, keys)
        self._refused(f"signed {name}, other length", self.http.post("/v1/datasets", json=body))

    def _judge(self, name: str, mutant: Mutant, answer: httpx.Response) -> None:
        if answer.status_code == httpx.codes.OK and not mutant.must_refuse:
            self.answers[f"signed {name}: well-formed, taken"] += 1
            self.valid.append((name, mutant.data))
        else:
            self._refused(f"signed {name}", answer)

    def _refused(self, what: str, answer: httpx.Response) -> None:
        assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:300])
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["code"]
        assert problem["detail"]
        self.answers[f"{what}: {answer.status_code} {problem['code']}"] += 1

    def _changed_descriptors(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The honest request with bits of its signed descriptor flipped."""
        rng, payload = Random(self.seed), base64.b64decode(body["envelope"]["payload"])
        while True:
            changed = bytearray(payload)
            changed[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
            yield body | {"envelope": body["envelope"] | {"payload": base64.b64encode(changed).decode()}}

    def _register(self, body: dict[str, Any]) -> str:
        answer = self.http.post("/v1/datasets", json=body)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return f"/v1/datasets/{answer.json()['id']}"

    def _put(self, path: str, digest: str, data: bytes, offset: int = 0) -> httpx.Response:
        headers = {**OCTETS, "Upload-Offset": str(offset)}
        return self.http.put(f"{path}/blobs/{digest}", content=data, headers=headers)

    def _nothing_arrived(self, path: str) -> None:
        for data in (*self.original.columns, *self.original.keys.values()):
            status = self.http.head(f"{path}/blobs/{digest_bytes(data)}")
            assert (status.headers["Upload-Offset"], status.headers["Upload-Complete"]) == ("0", "?0")


def _other_parameters(rng: Random) -> dict[str, Any]:
    """The ring of the data set with one thing changed."""
    parameters: dict[str, Any] = json.loads(json.dumps(RING.to_json()))
    numbers = [0, 1, -1, 2, 2**31, 2**63, 2**64, 3.5, "1", None, True, [], {}]
    kind = rng.randrange(4)
    if kind == 0:
        parameters["poly_modulus_degree"] = rng.choice([*numbers, 1024, 2048, 8192, 16384, 32768, 4095])
    elif kind == 1:
        primes = parameters["primes"]
        primes[rng.randrange(len(primes))] = rng.choice([*numbers, str(int(primes[0]) + 2), primes[-1], "0", "1e9"])
    elif kind == 2:
        parameters["primes"] = parameters["primes"][: rng.randrange(3)]
    else:
        parameters[rng.choice(["format", "security", "scale"])] = rng.choice(numbers)
    return parameters
