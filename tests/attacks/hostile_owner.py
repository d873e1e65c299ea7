"""An owner who signs whatever they like: packages whose contents, columns or keys are not what a client makes."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.keys import generate_secret_key
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import FAST
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.client import package as client_package
from secure_ds.client.package import Package, design_matrix
from secure_ds.core.digest import digest_bytes
from secure_ds.core.principal import Caller
from secure_ds.data.descriptor import DatasetDescriptor, parse_descriptor
from secure_ds.data.records import FloatArray, Records
from secure_ds.data.signed_descriptor import sign_descriptor
from secure_ds.wire.datasets import DatasetView
from tests.installation import Installation, declaration

Matrix = FloatArray
SLOTS = FAST.parameters.slots
BLOCK = FAST.parameters.poly_modulus_degree  # records


class Base(NamedTuple):
    """An honest package made once a test run, with everything its owner knows."""

    directory: Path
    matrix: Matrix
    secret: bytes
    upload_key: Ed25519PrivateKey


@dataclass
class HostileOwner:
    """Makes packages, changes them behind the client's back, signs them again, and uploads them."""

    installation: Installation
    caller: Caller
    upload_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    secret: bytes = b""

    def encrypt(self, n: int = 40, change: Callable[[Matrix], Any] = lambda matrix: None) -> Path:
        """Write a package of n records whose encrypted matrix `change` may alter in place; return its directory."""
        base = _base(self.installation, n)
        self.upload_key, self.secret = base.upload_key, base.secret
        directory = self.installation.home / "package-hostile"
        shutil.copytree(base.directory, directory)
        matrix = base.matrix.copy()
        change(matrix)
        for column in np.flatnonzero((matrix != base.matrix).any(axis=0)):
            self._encrypt_again(directory, int(column), matrix)
        return directory

    def _encrypt_again(self, directory: Path, column: int, matrix: Matrix) -> None:
        values, n_labels = matrix[:, [column]], int(column == matrix.shape[1] - 1)
        with SecretKey.from_bytes(self.secret) as secret:
            for encrypted in encrypt_columns(FAST.parameters, secret, values, FAST.input_scale, n_labels):
                self.replace_blob(directory, column, encrypted.data, encrypted.block)

    def descriptor(self, directory: Path) -> DatasetDescriptor:
        """The descriptor of a package."""
        return self.package(directory).descriptor

    def package(self, directory: Path) -> Package:
        """A package as it stands."""
        return Package(directory, self.upload_key.public_key())

    def sign_again(self, directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the descriptor and sign it again: to everybody but the norm check it is the owner's word."""
        fields = json.loads(self.descriptor(directory).canonical)
        change(fields)
        descriptor = parse_descriptor(DatasetDescriptor.model_validate_json(json.dumps(fields)).canonical)
        (directory / client_package.DESCRIPTOR_FILE).write_bytes(sign_descriptor(descriptor, self.upload_key))

    def replace_blob(self, directory: Path, column: int, data: bytes, block: int = 0) -> None:
        """Put another ciphertext in a place of the matrix, and sign for it."""
        digest = digest_bytes(data)
        (directory / client_package.BLOBS / digest.removeprefix("sha256:")).write_bytes(data)

        def announce(fields: dict[str, Any]) -> None:
            for entry in fields["blocks"]:
                if (entry["column"], entry["block"]) == (column, block):
                    entry.update(digest=digest, bytes=len(data))

        self.sign_again(directory, announce)

    def replace_key(self, directory: Path, name: str, data: bytes) -> None:
        """Put another evaluation key in a package, and sign for it."""
        digest = digest_bytes(data)
        (directory / client_package.BLOBS / digest.removeprefix("sha256:")).write_bytes(data)

        def announce(fields: dict[str, Any]) -> None:
            for entry in fields["evaluation_keys"]:
                if entry["name"] == name:
                    entry.update(digest=digest, bytes=len(data))

        self.sign_again(directory, announce)

    def submit(self, directory: Path) -> DatasetView:
        """Take a package through registration, upload and check; return the data set as it stands then."""
        package, services = self.package(directory), self.installation.services
        self.installation.register(self.caller, package, directory)
        self.installation.upload(self.caller, package)
        services.finish_upload(self.caller, package.descriptor.dataset_id)
        self.installation.run()
        return services.show_dataset(self.caller, package.descriptor.dataset_id)


_bases: dict[int, Base] = {}


def _base(installation: Installation, n: int) -> Base:
    """Every copy of the prepared installation has the same sealing key, so one package fits them all."""
    if n not in _bases:
        directory = Path(tempfile.mkdtemp(prefix="package-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        upload_key, secrets = Ed25519PrivateKey.generate(), []

        def kept(parameters: Parameters) -> SecretKey:
            secret = generate_secret_key(parameters)
            secrets.append(secret.to_bytes())
            return secret

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(client_package, "generate_secret_key", kept)
            installation.encrypt(directory, records(n), upload_key)
        matrix = design_matrix(records(n), declaration(records(n)))
        _bases[n] = Base(directory, matrix, secrets[0], upload_key)
    return _bases[n]


def records(n: int = 40, features: int = 2, seed: int = 3) -> Records:
    """Honest records, some of them near the edge of the unit ball."""
    draw = np.random.default_rng(seed)
    X = draw.uniform(-0.6, 0.6, (n, features))
    return Records({**{f"x{j}": X[:, j] for j in range(features)}, "label": (X[:, 0] > 0).astype(float)})
