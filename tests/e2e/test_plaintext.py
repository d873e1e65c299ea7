"""Records, the CKKS secret key, the PIN and tokens leave no trace at rest or on the wire, over a whole run.

The run is real: separate processes, upload, training, model, export. Looked through are all files of the instance
(temporary ones included, and what was deleted meanwhile), the database value by value, the bodies of all requests and
answers, everything said to and by the custodian, the logs, and the processes' command lines and environments.
"""

import json
import struct
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import MetaData, create_engine, select

from secure_ds.ckks import keys
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.client import package
from secure_ds.core.principal import Role
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.feature_maps.unit_ball import slack
from secure_ds.data.records import Records
from tests.e2e.live import LiveInstance, eventually
from tests.e2e.owner import finished, job_body, ready_dataset, submit
from tests.e2e.sentinels import Sentinels, find_in, record_traces, secret_traces, text_traces
from tests.e2e.taps import HttpTap, SocketTap, files_kept
from tests.installation import declaration, random_records

TOKEN_SECRET = 43  # characters at a token's end; what stands before is its public id


@dataclass
class Run:
    """What one run left behind and what could be heard of it."""

    descriptor: DatasetDescriptor
    everything: list[tuple[str, bytes]]


def test_no_trace_of_plaintext(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = capture_secret_key(monkeypatch)
    records = random_records(seed=20261122)
    with LiveInstance(database_url) as live:
        (live.home / "tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(live.home / "tmp"))
        run = main_job(live, records, tmp_path / "kept")
        assert_complete(run)
        private = of_records(records, run.descriptor) | secret_traces(packed[0], run.descriptor.parameters)
        assert find_in(Sentinels(private), run.everything) == []
        tokens = [text_traces(token[-TOKEN_SECRET:], "token") for token in live.tokens]
        assert find_in(Sentinels(dict(ChainMap(*tokens))), run.everything) == []
        pin = text_traces((live.settings.custody / "pin").read_text().strip(), "PIN")
        found = find_in(Sentinels(pin), run.everything)
        assert {Path(place).name.split("-")[-1] for place, _ in found} == {"pin"}  # its own file and no other
        row = records.columns["x0"][:1].tobytes()
        (live.home / "tmp" / "planted").write_bytes(b"a leak" + row)
        assert len(find_in(Sentinels(private), of_files(live.home))) == 1  # the control


def main_job(live: LiveInstance, records: Records, kept: Path) -> Run:
    """Do the whole main job while listening everywhere."""
    http = HttpTap()
    with files_kept(live.home, kept):
        rpc = start_tapped(live)
        owner = live.client("alice", Role.DATA_OWNER, transport=http)
        officer = live.client("carol", Role.COMPLIANCE_OFFICER, transport=http)
        descriptor = ready_dataset(owner, live.home / "package", records, declaration(records))
        job = finished(owner, submit(owner, job_body(descriptor.dataset_id, steps=4)).id)
        model = owner.model(str(job.model_id))
        assert owner.download_weights(model) and owner.download_certificate(model) and list(officer.export_audit())
        processes = list(of_processes(live))
    said = [("HTTP", body) for body in http.bodies] + [("RPC", body) for body in rpc.heard()]
    rpc.close()
    rest = [*of_files(live.home), *of_files(kept), *of_database(live.settings.database)]
    return Run(descriptor, [*said, *processes, *rest])


def of_records(records: Records, descriptor: DatasetDescriptor) -> dict[bytes, str]:
    """Traces of the records as their owner has them, and of what is encrypted: scaled features and slack."""
    raw = np.column_stack([records.columns[name] for name in records.columns if name != "label"])
    features = descriptor.feature_map.apply(records)
    traces = [record_traces(part, descriptor.scale) for part in (raw, features[:, :-1], slack(features)[:, None])]
    return dict(ChainMap(*traces))


def capture_secret_key(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Keep a copy of the secret key that the owner's side will make: the one thing it never shows."""
    packed: list[bytes] = []

    def generate(parameters: Parameters) -> SecretKey:
        key = keys.generate_secret_key(parameters)
        packed.append(key.to_bytes())
        return key

    monkeypatch.setattr(package, "generate_secret_key", generate)
    return packed


def start_tapped(live: LiveInstance) -> SocketTap:
    """Start the custodian, stand before its socket, then start the others."""
    live.start("custodian")
    eventually(live.settings.socket.exists, 30, "the custodian does not listen")
    tap = SocketTap(live.settings.socket)
    live.start("api", "worker")
    live.supervisor.wait_until_ready()
    return tap


def assert_complete(run: Run) -> None:
    """The control of the taps: what must be in each kind of place is there."""
    name, everything = run.descriptor.dataset_id.encode(), run.everything
    for kind in ("HTTP", "RPC", "database", "journal.db", "custodian.log", "cmdline"):
        assert any(kind in place for place, _ in everything), kind
    for kind in ("HTTP", "RPC", "database", "journal.db"):
        assert any(kind in place and name in data for place, data in everything), kind
    assert sum(len(data) for _, data in everything) > 2 * 16e6  # ciphertexts and keys, on the wire and at rest


def of_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def of_database(url: str) -> Iterator[tuple[str, bytes]]:
    """Every value of every table, in the forms that the search knows."""
    engine = create_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        for table in tables.sorted_tables:
            values = (value for row in connection.execute(select(table)) for value in row)
            yield f"database {table.name}", b"\0".join(map(_as_bytes, values))
    engine.dispose()


def of_processes(live: LiveInstance) -> Iterator[tuple[str, bytes]]:
    """Command line and environment of the three processes."""
    for name in ("api", "worker", "custodian"):
        for file in ("cmdline", "environ"):
            yield f"{name} {file}", Path(f"/proc/{live.supervisor.process_id(name)}/{file}").read_bytes()


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    if isinstance(value, float):
        return struct.pack("<d", value) + repr(value).encode()
    return value.encode() if isinstance(value, str) else json.dumps(value, default=str).encode()
