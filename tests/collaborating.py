"""Two hospitals that train together, inside one installation: made once a test run, copied for each test.

`north` and `south` have an owner with a data set each, under the key of one collaboration; north's engineer submits.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.query import EntryFilter
from hsm.interface import KeyStore
from secure_ds.ckks.profiles import FAST
from secure_ds.client.group import consent_to, write_group_package
from secure_ds.client.package import Package
from secure_ds.client.statement import open_statement
from secure_ds.client.upload_key import public_key_text
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller, Role
from secure_ds.data.collaboration import Statement
from secure_ds.data.consent import Verdict
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.records import Records
from secure_ds.data.signed import open_own_descriptor
from secure_ds.services.context import Custody
from secure_ds.wire.collaborations import CollaborationCreate, ConsentGive, ConsentView
from secure_ds.wire.custodian import StepAnswer, StepQuestion
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import JobSubmit, JobView
from secure_ds.worker.loop import Worker
from tests.installation import PURPOSE, Installation, declaration, random_records, software_keystore

TENANTS = ("north", "south")
MAX_DECRYPTIONS = 16
STEPS = 3
SETTINGS: dict[str, Any] = {"radius": 4.0, "steps": STEPS, "learning_rate": 4.5}


@dataclass
class Member:
    """An owner with a data set in the collaboration."""

    owner: Caller
    upload_key: Ed25519PrivateKey
    descriptor: DatasetDescriptor

    @property
    def dataset_id(self) -> str:
        """The data set."""
        return self.descriptor.dataset_id


@dataclass
class Joined:
    """An installation in which two owners' data sets take part in one collaboration."""

    installation: Installation
    statement: Statement
    north: Member
    south: Member
    engineer: Caller

    @property
    def id(self) -> str:
        """The collaboration."""
        return self.statement.collaboration_id

    def consent(self, member: Member, verdict: Verdict) -> ConsentView:
        """Consent, or take the consent back."""
        return consent(self.installation, member, verdict)

    def submit(self, caller: Caller | None = None, **changes: Any) -> JobView:
        """Submit a job on all data sets that take part."""
        asked = {"collaboration_id": self.id, "purpose": PURPOSE, "epsilon": 1.0, "delta": 1e-5, **SETTINGS} | changes
        return self.installation.services.submit_job(caller or self.engineer, JobSubmit.model_validate(asked), None)

    def job(self, job_id: str) -> JobView:
        """The job as its submitter sees it."""
        return self.installation.services.show_job(self.engineer, job_id)

    def spent(self, member: Member) -> tuple[int, int, int]:
        """What a ledger says: releases spent, units spent, units reserved."""
        with self.installation.store.read() as work:
            budget = work.ledger.budget(member.dataset_id)
        return budget.spent_releases, budget.spent_units, budget.reserved_units

    def log(self, tenant: str | None, action: str | None = None) -> list[dict[str, Any]]:
        """A tenant's own entries, oldest first."""
        with self.installation.store.read() as work:
            found = [json.loads(entry.data) for entry in work.audit.search(EntryFilter(tenant, action=action))]
        return [entry for entry in reversed(found) if entry["tenant"] == tenant]


def upload_key_of(tenant: str) -> Ed25519PrivateKey:
    """The one key with which a tenant's owner signs in these tests."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(tenant.encode()).digest())


def named(*tenants: str) -> list[dict[str, str]]:
    """Members as terms name them, with their keys."""
    return [{"tenant": tenant, "upload_key": public_key_text(upload_key_of(tenant))} for tenant in tenants]


def terms(**changes: Any) -> CollaborationCreate:
    """What the members agree on, but for the changes."""
    declared = declaration(random_records())
    agreed = {
        "name": "two hospitals",
        "members": named(*TENANTS),
        "purposes": [PURPOSE, "teaching"],
        "feature_map": declared.feature_map.model_dump(mode="json"),
        "classes": list(declared.classes),
        "profile": FAST.name,
        "max_records": 100,
        "max_decryptions": MAX_DECRYPTIONS,
    }
    return CollaborationCreate.model_validate(agreed | changes)


def group_package(
    installation: Installation,
    statement: Statement,
    tenant: str,
    records: Records,
    key: Ed25519PrivateKey,
    **limits: Any,
) -> Package:
    """Encrypt records under the group's key, on an owner's side."""
    directory = installation.home / f"package-{new_id('req')}"
    declared = declaration(records, tenant=tenant, max_decryptions=MAX_DECRYPTIONS, **limits)
    with installation.context.blobs.open(statement.collaboration_id, statement.public_key.digest) as stored:
        write_group_package(directory, records, declared, statement, stored.read(), key)
    return Package(directory, key.public_key())


def upload(installation: Installation, owner: Caller, package: Package) -> str:
    """Register and upload a package and have it checked; return the state that the data set is in then."""
    installation.register(owner, package, Path())
    installation.upload(owner, package)
    installation.services.finish_upload(owner, package.descriptor.dataset_id)
    installation.run()
    view = installation.services.show_dataset(owner, package.descriptor.dataset_id)
    return view.refusal.detail if view.refusal else view.state


def call_for(installation: Installation, caller: Caller, **changes: Any) -> Statement:
    """Call for a collaboration and return its statement, checked as a client does."""
    view = installation.services.create_collaboration(caller, terms(**changes), None)
    envelope = installation.services.show_statement(caller, view.id).model_dump_json().encode()
    return open_statement(envelope, installation.services.public_keys())


def consent(installation: Installation, member: Member, verdict: Verdict) -> ConsentView:
    """Sign a consent and hand it in."""
    _, envelope = consent_to(member.descriptor, verdict, member.upload_key)
    body = ConsentGive(envelope=Envelope.model_validate_json(envelope))
    give = installation.services.join_collaboration
    if verdict == "withdrawn":
        give = installation.services.withdraw_from_collaboration
    return give(member.owner, member.dataset_id, body)


def joined(home: Path) -> Joined:
    """Copy the prepared installation into `home` and open it there."""
    template, collaboration_id, secrets = _template()
    shutil.copytree(template, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("package-*"))
    installation = Installation(home, f"sqlite:///{home}/service.db", keystore=software_keystore(home / "keys.sdkf"))
    return _opened(installation, collaboration_id, secrets)


def found(
    installation: Installation, seeds: Sequence[int] = (1, 2), **limits: Any
) -> tuple[str, list[tuple[str, bytes]]]:
    """Call for a collaboration and have both owners take part; return its id, and data set and upload key of each."""
    owners = [installation.caller(f"owner-{tenant}", Role.DATA_OWNER, tenant=tenant) for tenant in TENANTS]
    agreed = {"profile": limits["profile"].name} if "profile" in limits else {}
    statement = call_for(installation, owners[0], **agreed)
    made = []
    for owner, tenant, seed in zip(owners, TENANTS, seeds, strict=True):
        key = upload_key_of(tenant)
        package = group_package(installation, statement, tenant, random_records(seed=seed), key, **limits)
        state = upload(installation, owner, package)
        assert state == "ready", state
        member = Member(owner, key, package.descriptor)
        consent(installation, member, "joined")
        made.append((member.dataset_id, key.private_bytes_raw()))
    return statement.collaboration_id, made


def opened(installation: Installation, seeds: Sequence[int] = (1, 2), **limits: Any) -> Joined:
    """Make the whole scene in an installation of the test's own."""
    return _opened(installation, *found(installation, seeds, **limits))


def _opened(installation: Installation, collaboration_id: str, secrets: list[tuple[str, bytes]]) -> Joined:
    members = []
    for tenant, (dataset_id, key) in zip(TENANTS, secrets, strict=True):
        with installation.store.read() as work:
            row = work.datasets.get(dataset_id)
        assert row is not None
        owner = installation.caller(f"owner-{tenant}", Role.DATA_OWNER, tenant=tenant)
        upload_key = Ed25519PrivateKey.from_private_bytes(key)
        members.append(Member(owner, upload_key, open_own_descriptor(row.envelope)))
    envelope = installation.services.show_statement(members[0].owner, collaboration_id).model_dump_json().encode()
    statement = open_statement(envelope, installation.services.public_keys())
    engineer = installation.caller("engineer-north", Role.ML_ENGINEER, tenant="north")
    return Joined(installation, statement, members[0], members[1], engineer)


@cache
def _template() -> tuple[Path, str, list[tuple[str, bytes]]]:
    home = Path(tempfile.mkdtemp(prefix="collaborating-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    keystore: KeyStore = software_keystore(home / "keys.sdkf")
    installation = Installation(home, f"sqlite:///{home}/service.db", keystore=keystore)
    made = found(installation)
    keystore.close()
    return home, *made


class Interrupted:
    """A custodian that somebody's act befalls after it has answered so many steps; else the one it stands for."""

    def __init__(self, custody: Custody, steps: int, act: Callable[[], object]) -> None:
        self._custody, self._left, self._act = custody, steps, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._custody, name)

    def answer(self, message: StepQuestion) -> StepAnswer:
        answered = self._custody.answer(message)
        self._left -= 1
        if self._left == 0:
            self._act()
        return answered


def run_until(scene: Joined, steps: int, act: Callable[[], object]) -> None:
    """Let a worker run, and have something happen once it has had so many answers."""
    context = scene.installation.context
    interrupted: Any = Interrupted(context.custody, steps, act)
    worker = Worker(replace(context, custody=interrupted), lease_seconds=30.0, checkpoint_seconds=60.0)
    while worker.work_once():
        pass
