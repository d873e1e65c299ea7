"""What the tests of the log share: a clock that stands still, drafts, keys, engines, and a sealed log to attack."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import Connection, Engine, create_engine, event, text

from audit.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from audit.entry import Actor, ActorKind, EntryDraft, Outcome
from audit.export import export_json_lines
from audit.log import AuditLog
from audit.note import NoteSigner, VerifierKey
from audit.stores.memory import MemoryStore
from audit.stores.sql import SqlStore
from audit.stores.tables import head_seed, immutability_ddl, metadata
from audit.verify import TrustedKey

ORIGIN = "audit.example/log"


@dataclass
class SteppingClock:
    """Begins at a fixed moment and moves on by one second a reading."""

    moment: datetime = datetime(2026, 11, 22, 16, 49, 5, 123, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


def actor(name: str = "user_alice", tenant: str | None = "clinic") -> Actor:
    return Actor(name, tenant, ("data_owner",), ActorKind.USER)


def draft(action: str = "job.submit", tenant: str | None = "clinic", **changes: Any) -> EntryDraft:
    values: dict[str, Any] = {"actor": actor(tenant=tenant), "outcome": Outcome.ALLOWED, **changes}
    return EntryDraft(action=action, tenant=tenant, **values)


def ed25519_signer(seed: bytes = b"\x07" * 32, name: str = ORIGIN) -> NoteSigner:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return NoteSigner(VerifierKey(name, private.public_key()), private.sign)


def ecdsa_signer(name: str = ORIGIN) -> NoteSigner:
    private = generate_private_key(SECP256R1())
    return NoteSigner(VerifierKey(name, private.public_key()), lambda data: private.sign(data, ECDSA(SHA256())))


def trusted(signer: NoteSigner) -> TrustedKey:
    return TrustedKey.parse(str(signer.key))


def reference_root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes, straight from its definition in RFC 9162 2.1.1: the slow, obvious oracle."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    left, right = reference_root(leaves[:middle]), reference_root(leaves[middle:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class SealedLog:
    """A log in memory whose checkpoints are signed: the simulator that attacks start from."""

    signer: NoteSigner = field(default_factory=ed25519_signer)
    log: AuditLog = field(default_factory=lambda: AuditLog(MemoryStore(), SteppingClock()))

    def record(self, count: int, tenant: str | None = "clinic", **changes: Any) -> None:
        for _ in range(count):
            self.log.append(draft(tenant=tenant, **changes))

    def seal(self, signer: NoteSigner | None = None) -> SignedCheckpoint:
        signed = sign_checkpoint(self.log.next_checkpoint(ORIGIN), signer or self.signer)
        self.log.store_checkpoint(signed)
        return signed

    def forge(self, size: int, root: bytes, signer: NoteSigner) -> str:
        return sign_checkpoint(Checkpoint(ORIGIN, size, root), signer).note

    def export(self, tenant: str | None = None, first: int = 0) -> list[str]:
        return list(export_json_lines(self.log, tenant=tenant, first=first))

    @property
    def keys(self) -> list[TrustedKey]:
        return [trusted(self.signer)]


def make_engine(url: str) -> Engine:
    """An engine by the recipe that the log is written for: BEGIN IMMEDIATE on SQLite, READ COMMITTED on PostgreSQL."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=10)
    engine = create_engine(url, pool_size=10)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def install(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(head_seed())
    for statement in immutability_ddl(connection.dialect.name):
        connection.execute(text(statement))


@contextmanager
def sql_log(engine: Engine) -> Iterator[AuditLog]:
    """A log on a transaction of its own, committed at the end."""
    with engine.begin() as connection:
        yield AuditLog(SqlStore(connection), SteppingClock())


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "busy_timeout=10000", "synchronous=OFF"):
        connection.execute(f"PRAGMA {pragma}").close()


def kinds(report: Any) -> Mapping[str, int | None]:
    """The kinds of findings of a report, with the index or size that each names."""
    return {str(found.kind): found.index if found.index is not None else found.size for found in report.findings}
