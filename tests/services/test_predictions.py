"""Encrypted predictions through the whole service: asked for, uploaded, evaluated by a worker, read by who asked."""

import base64
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.keys import generate_relin_keys, generate_secret_key
from secure_ds.ckks.layers.polynomials import SQUARE
from secure_ds.ckks.network import Activation, Linear, Network
from secure_ds.ckks.network_files import write_network
from secure_ds.ckks.network_planner import plan_network
from secure_ds.core.digest import digest_bytes
from secure_ds.core.principal import Caller, Role
from secure_ds.services.errors import AccessDenied, InvalidNetworkFile, MalformedBlob, NotFound, PredictionRefused
from secure_ds.store.blobs import BlobMissing
from secure_ds.wire.audit import AuditQuery
from secure_ds.wire.predictions import NetworkCreate, PredictionCreate, PredictionView
from tests.ckks.networks import exact, weights
from tests.prepared import Prepared, prepared

RNG = np.random.default_rng(5)
NETWORK = Network(
    (3,), -1.0, 1.0, (Linear(weights(RNG, 4, 3), weights(RNG, 4)), Activation(SQUARE), Linear(weights(RNG, 2, 4)))
)
PLAN = plan_network(NETWORK, max_error=1e-3)
X = RNG.uniform(-1, 1, size=(50, 3))
FIRST_RESIDUE = 113  # its lowest byte, in a file of SEAL


class Asked:
    """One engineer's request, with its secret key and files."""

    def __init__(self, home: Path, network: Network = NETWORK, X: npt.NDArray[np.float64] = X) -> None:
        self.plan = PLAN if network is NETWORK else plan_network(network, max_error=1e-3)
        self.ready: Prepared = prepared(home)
        self.installation = self.ready.installation
        self.services = self.installation.services
        self.engineer: Caller = self.installation.caller("emil", Role.ML_ENGINEER)
        file = base64.b64encode(write_network(network)).decode()
        self.network = self.services.register_network(self.engineer, NetworkCreate(name="n", file=file), None)
        parameters = self.plan.parameters
        self.secret_key = generate_secret_key(parameters)
        blocks = encrypt_columns(parameters, self.secret_key, X, self.plan.input_scale, 0)
        self.files = [generate_relin_keys(parameters, self.secret_key), *(block.data for block in blocks)]

    def body(self, **changes: object) -> PredictionCreate:
        key, *inputs = map(digest_bytes, self.files)
        fields = {
            "network_id": self.network.id,
            "plan": self.plan.to_json(),
            "n_records": len(X),
            "key": key,
            "inputs": inputs,
        }
        return PredictionCreate.model_validate(fields | changes)

    def ask(self) -> PredictionView:
        return self.services.request_prediction(self.engineer, self.body(), None)

    def send(self, asked: PredictionView, data: bytes, name: str | None = None) -> None:
        digest = name or digest_bytes(data)
        self.services.upload_prediction_file(self.engineer, asked.id, digest, 0, io.BytesIO(data), len(data))

    def answers(self, view: PredictionView) -> list[bytes]:
        return [
            b"".join(self.services.download_prediction_file(self.engineer, view.id, digest)) for digest in view.outputs
        ]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_who_asked_reads_the_networks_outputs_and_nobody_else_does(asked: Asked) -> None:
    view = asked.ask()
    for data in asked.files:
        asked.send(view, data)
    assert asked.services.show_prediction(asked.engineer, view.id).state == "queued"
    asked.installation.run()
    done = asked.services.show_prediction(asked.engineer, view.id)
    assert (done.state, len(done.outputs), done.bytes_up) == ("done", 2, sum(map(len, asked.files)))
    place = {"level": PLAN.output_level, "scale": PLAN.output_scale}
    columns = [decrypt_slots(PLAN.parameters, asked.secret_key, data, **place) for data in asked.answers(done)]
    found = np.stack([column.real[: len(X)] for column in columns], axis=1)
    assert np.abs(found - exact(NETWORK, X)).max() <= PLAN.error
    with generate_secret_key(PLAN.parameters) as other:
        read = decrypt_slots(PLAN.parameters, other, asked.answers(done)[0], **place)
    assert np.median(np.abs(read.real)) > 10  # another key reads noise: hundreds, where an output is near one
    for caller in (asked.installation.caller("eve", Role.ML_ENGINEER), asked.ready.owner):
        with pytest.raises(AccessDenied):
            asked.services.download_prediction_file(caller, view.id, done.outputs[0])


def test_inputs_are_gone_when_it_is_done_and_the_log_tells_the_story(asked: Asked) -> None:
    view = asked.ask()
    for data in asked.files:
        asked.send(view, data)
    asked.installation.run()
    for data in asked.files:
        with pytest.raises(BlobMissing):
            asked.installation.context.blobs.open(view.id, digest_bytes(data))
    officer = asked.installation.caller("carl", Role.COMPLIANCE_OFFICER)
    entries = asked.services.query_audit(officer, AuditQuery()).items
    actions = [entry.action for entry in entries if entry.object_id == view.id]
    wanted = ["prediction:create", *["prediction:upload"] * len(asked.files), "prediction:run"]
    assert [action for action in reversed(actions) if action != "prediction:read"] == wanted


def test_equal_answers_are_two_answers(tmp_path: Path) -> None:
    asked = Asked(tmp_path, Network((2,), -1.0, 1.0, (Linear(np.ones((2, 2), np.float32)),)), X[:, :2])
    view = asked.ask()
    for data in asked.files:
        asked.send(view, data)
    asked.installation.run()
    done = asked.services.show_prediction(asked.engineer, view.id)
    assert done.state == "done" and len(done.outputs) == 2 and len(set(done.outputs)) == 1
    assert len(asked.answers(done)[1]) > 0


def test_inputs_of_one_seed_that_cancel_end_their_prediction_and_not_the_worker(tmp_path: Path) -> None:
    """SEAL throws when a result hides nothing; whoever sends such inputs must not stop the work of others."""
    difference = Linear(np.array([[1.0, -1.0]], np.float32))
    last = Linear(np.ones((1, 1), np.float32))
    asked = Asked(tmp_path, Network((2,), -1.0, 1.0, (difference, Activation(SQUARE), last)), X[:, :2])
    twin = bytearray(asked.files[1])
    twin[FIRST_RESIDUE] ^= 1
    asked.files[2] = bytes(twin)
    view = asked.ask()
    for data in asked.files:
        asked.send(view, data)
    asked.installation.run()
    done = asked.services.show_prediction(asked.engineer, view.id)
    assert done.state == "failed" and "cancel each other" in (done.failure or "")


def test_a_plan_that_does_not_hold_is_refused_before_anything_is_sent(asked: Asked) -> None:
    for changes, told in (
        ({"plan": PLAN.to_json() | {"input_bits": 60}}, "bits of modulus|wraps"),
        ({"plan": {}}, "not a plan"),
        ({"inputs": asked.body().inputs[:2]}, "takes 3 input files"),
        ({"n_records": PLAN.batch + 1}, "records at most"),
        ({"key": asked.body().inputs[0]}, "every file must be another one"),
    ):
        with pytest.raises(PredictionRefused, match=told):
            asked.services.request_prediction(asked.engineer, asked.body(**changes), None)


def test_files_that_are_no_ciphertexts_of_the_plan_are_refused(asked: Asked) -> None:
    key, first, *_ = asked.files
    mutant = bytearray(first)
    mutant[40] ^= 1
    asked.files[1] = bytes(mutant)
    view = asked.ask()
    with pytest.raises(MalformedBlob):
        asked.send(view, bytes(mutant))
    with pytest.raises(NotFound):
        asked.send(view, b"never announced")
    asked.send(view, key)
    assert asked.services.show_prediction(asked.engineer, view.id).files_missing == 3


def test_what_is_no_network_is_not_taken(asked: Asked) -> None:
    body = NetworkCreate(name="n", file=base64.b64encode(b"x" * 40).decode())
    with pytest.raises(InvalidNetworkFile):
        asked.services.register_network(asked.engineer, body, None)
    with pytest.raises(AccessDenied):
        asked.services.register_network(asked.ready.owner, body, None)


def test_another_tenant_sees_nothing(asked: Asked) -> None:
    view = asked.ask()
    stranger = asked.installation.caller("mallory", Role.ML_ENGINEER, tenant="insurer")
    for attempt in (
        lambda: asked.services.show_network(stranger, asked.network.id),
        lambda: asked.services.show_prediction(stranger, view.id),
        lambda: asked.services.request_prediction(stranger, asked.body(), None),
    ):
        with pytest.raises(NotFound):
            attempt()
