"""A whole installation inside one test process: real database, real key store, real custodian, real worker.

The custodian is spoken to through its own WSGI application, so every message crosses the same checks as over its
socket. A test may hand in another source of noise: that is the only "test build" there is.
"""

import base64
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hsm.backends.software import SoftwareKeyStore
from hsm.interface import KeyStore
from hsm.pin import PinVariable
from policies import PolicyEngine, shipped_directory
from secure_ds.ckks.profiles import FAST, Profile
from secure_ds.client.package import Declaration, Package, write_package
from secure_ds.core.clock import Clock, SystemClock
from secure_ds.core.evaluators import NOBODY, Evaluators
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller, Principal, Role
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.journal import Journal
from secure_ds.custodian.keyring import Keyring
from secure_ds.custodian.server import create_server
from secure_ds.data.descriptor import RECORDS, DatasetDescriptor, Limits, PrivacyUnit
from secure_ds.data.descriptor import STATISTICS as STATISTICS_CONTENT
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records
from secure_ds.privacy.discrete_gaussian import RandomBits, SystemRandomBits
from secure_ds.services.context import ServiceContext
from secure_ds.services.custody import RpcCustody
from secure_ds.services.facade import Services
from secure_ds.store.blobs_local import LocalBlobs
from secure_ds.store.engine import make_engine
from secure_ds.store.migrate import upgrade
from secure_ds.store.rows import UserRow
from secure_ds.store.unit_of_work import Store
from secure_ds.wire.datasets import DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import JobSubmit, JobView
from secure_ds.worker.loop import Worker

ORIGIN = "tests.secure-ds.local/audit"
PURPOSE = "research"


@dataclass
class Installation:
    """The parts of one installation and the acts a test needs."""

    home: Path
    database_url: str
    noise: RandomBits = field(default_factory=SystemRandomBits)
    clock: Clock = field(default_factory=SystemClock)
    keystore: KeyStore | None = None
    evaluators: Evaluators = NOBODY

    def __post_init__(self) -> None:
        upgrade(make_engine(self.database_url))
        self.store = Store(make_engine(self.database_url), self.clock)
        self.policy = PolicyEngine.load(shipped_directory())
        self.custodian = self._custodian()
        self.context = ServiceContext(
            store=self.store,
            blobs=LocalBlobs(self.home / "blobs"),
            policy=self.policy,
            custody=RpcCustody(httpx.WSGITransport(create_server(self.custodian, over_socket=False))),
            clock=self.clock,
            origin=ORIGIN,
            max_blob_bytes=2**30,
            evaluators=self.evaluators,
        )
        self.services = Services(self.context)
        self.worker = Worker(self.context, lease_seconds=30.0, checkpoint_seconds=60.0)

    def caller(
        self,
        name: str = "alice",
        *roles: Role,
        tenant: str = "clinic",
        purposes: frozenset[str] = frozenset({PURPOSE}),
        clearance: int = 3,
    ) -> Caller:
        """A request by a person; a data owner unless other roles are named."""
        held = frozenset(roles or {Role.DATA_OWNER})
        with self.store.write() as work:
            if work.users.get(name) is None:
                work.users.add(UserRow(name, tenant, name, held, purposes, clearance))
        return Caller(Principal(name, tenant, held, purposes, clearance), new_id("req"))

    def encrypt(self, directory: Path, records: Records, upload_key: Ed25519PrivateKey, **choices: object) -> Package:
        """Make a package on the owner's side."""
        point = base64.b64decode(self.services.public_keys().sealing_key)
        custodian_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        results_key = choices.pop("results_key", None)
        assert results_key is None or isinstance(results_key, str)
        content = STATISTICS_CONTENT if choices.pop("statistics", False) else RECORDS
        declared = declaration(records, **choices)
        write_package(directory, records, declared, custodian_key, upload_key, results_key=results_key, content=content)
        return Package(directory, upload_key.public_key())

    def register(self, caller: Caller, package: Package, directory: Path) -> DatasetView:
        """Register a package's descriptor."""
        sealed = package.sealed_key()
        body = DatasetCreate(
            envelope=Envelope(**json.loads(package.envelope)),
            sealed_key=None if sealed is None else base64.b64encode(sealed).decode(),
            name="a data set",
        )
        return self.services.register_dataset(caller, body, None)

    def upload(self, caller: Caller, package: Package) -> None:
        """Upload every blob of a registered package."""
        for blob in package.blobs():
            stream = io.BytesIO(package.path(blob).read_bytes())
            self.services.upload_blob(caller, package.descriptor.dataset_id, blob.digest, 0, stream, blob.bytes)

    def ready_dataset(self, caller: Caller, records: Records | None = None, **choices: object) -> DatasetDescriptor:
        """Take records the whole way to a data set that is ready."""
        directory = self.home / f"package-{new_id('req')}"
        records = records or random_records()
        package = self.encrypt(directory, records, Ed25519PrivateKey.generate(), **choices)
        self.register(caller, package, directory)
        self.upload(caller, package)
        self.services.finish_upload(caller, package.descriptor.dataset_id)
        self.run()
        view = self.services.show_dataset(caller, package.descriptor.dataset_id)
        assert view.state == "ready", view.refusal
        return package.descriptor

    def submit(self, caller: Caller, dataset_id: str, epsilon: float = 1.0, **settings: object) -> JobView:
        """Submit a job."""
        body = JobSubmit(dataset_id=dataset_id, purpose=PURPOSE, epsilon=epsilon, delta=1e-5, **settings)
        return self.services.submit_job(caller, body, None)

    def run(self) -> None:
        """Carry out all work there is."""
        while self.worker.work_once():
            pass

    def _custodian(self) -> CustodianContext:
        keystore = self.keystore or software_keystore(self.home / "keys.sdkf")
        return CustodianContext(
            journal=Journal(make_engine(f"sqlite:///{self.home / 'journal.db'}")),
            keyring=Keyring(keystore, ORIGIN),
            store=self.store,
            policy=self.policy,
            noise=self.noise,
            clock=self.clock,
            origin=ORIGIN,
            evaluators=self.evaluators,
        )


def software_keystore(path: Path) -> SoftwareKeyStore:
    """A key store of a test's own."""
    os.environ.setdefault("TEST_KEYSTORE_PIN", "1234-test")
    return SoftwareKeyStore(path, PinVariable("TEST_KEYSTORE_PIN"))


def declaration(
    records: Records,
    *,
    epsilon: float = 4.0,
    delta: float = 1e-5,
    purposes: tuple[str, ...] = (PURPOSE,),
    max_decryptions: int = 64,
    dual_evaluation_required: bool = False,
    profile: Profile = FAST,
    tenant: str = "clinic",
    classes: tuple[str, ...] = ("no", "yes"),
) -> Declaration:
    """What an owner declares about records whose columns lie in [-1, 1], labelled by `label`."""
    columns = [{"name": name, "low": -1.0, "high": 1.0} for name in records.columns if name != "label"]
    return Declaration(
        tenant=tenant,
        feature_map=parse_feature_map(
            json.dumps(
                {"map": "declared_table", "version": 1, "columns": columns, "unit_ball": {"bias": 0.5, "radius": 1.0}}
            )
        ),
        label="label",
        classes=classes,
        limits=Limits(
            epsilon=epsilon,
            delta=delta,
            purposes=purposes,
            max_decryptions=max_decryptions,
            dual_evaluation_required=dual_evaluation_required,
        ),
        unit=PrivacyUnit(),
        profile=profile,
    )


def random_records(n: int = 60, features: int = 3, seed: int = 1) -> Records:
    """Records with a signal: the label follows the sign of the first column."""
    draw = np.random.default_rng(seed)
    X = draw.uniform(-1, 1, (n, features))
    columns = {f"x{index}": X[:, index] for index in range(features)}
    return Records({**columns, "label": (X[:, 0] > 0).astype(float)})
