"""The HSM absent, its PIN wrong, the token full: said at the start or answered with 503, and nothing is lost."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hsm.backends.pkcs11_library import Library
from hsm.backends.pkcs11_token import Pkcs11KeyStore
from hsm.errors import TokenFull
from hsm.pin import PinFile
from hsm.uri import TokenUri
from secure_ds.cli.children import ProcessFailed
from secure_ds.client.errors import ProblemError
from secure_ds.core.principal import Role
from secure_ds.services.errors import ServiceUnavailable
from tests.e2e.evidence import Evidence
from tests.e2e.live import LiveInstance, eventually, patiently
from tests.e2e.owner import HEADROOM, finished, job_body, ready_dataset, steps_done, submit
from tests.installation import Installation, declaration, random_records
from tests.simulators.token import SimulatedToken

WRONG_PIN = "not-the-pin-of-this-token"


@pytest.fixture
def token() -> SimulatedToken:
    return SimulatedToken()


@pytest.fixture
def installation(tmp_path: Path, token: SimulatedToken) -> Iterator[Installation]:
    with simulated_store(tmp_path, token) as keystore:
        yield Installation(tmp_path, f"sqlite:///{tmp_path}/test.db", keystore=keystore)


def simulated_store(folder: Path, token: SimulatedToken) -> Pkcs11KeyStore:
    pin = folder / "pin"
    pin.touch(mode=0o600)
    pin.write_text("correct\n")
    return Pkcs11KeyStore(TokenUri(token="simulated"), PinFile(pin), library=Library(token))


def test_a_token_pulled_out_of_a_running_job(installation: Installation, token: SimulatedToken) -> None:
    owner = installation.caller()
    descriptor = installation.ready_dataset(owner)
    job = installation.submit(owner, descriptor.dataset_id, steps=12, **HEADROOM)
    work = threading.Thread(target=installation.run)
    work.start()
    eventually(lambda: installation.services.show_job(owner, job.id).steps_done >= 2, 60, "no step was done")
    token.present = False
    with pytest.raises(ServiceUnavailable, match="the key custodian does not answer"):
        installation.submit(owner, descriptor.dataset_id, steps=12, **HEADROOM)
    assert installation.services.show_job(owner, job.id).state == "running"
    token.present = True
    token.lose_sessions()
    work.join()
    assert installation.services.show_job(owner, job.id).state == "succeeded"
    with installation.store.read() as unit:
        entries = [json.loads(entry.data) for entry in unit.audit.walk(0, unit.audit.head().size)]
    evidence = Evidence(installation.store, installation.custodian.journal, entries, descriptor)
    evidence.check_all()
    assert [row.id for row in evidence.jobs()] == [job.id]


def test_a_token_without_room_takes_no_data_set(installation: Installation, token: SimulatedToken) -> None:
    owner = installation.caller()
    package = installation.encrypt(installation.home / "package", random_records(), Ed25519PrivateKey.generate())
    token.capacity = len(token.objects)
    with pytest.raises(ServiceUnavailable):
        installation.register(owner, package, installation.home / "package")
    with installation.store.read() as work:
        assert work.datasets.get(package.descriptor.dataset_id) is None
    assert installation.custodian.journal.registration(package.descriptor.dataset_id) is None
    token.capacity += 10
    view = installation.register(owner, package, installation.home / "package")
    assert view.id == package.descriptor.dataset_id


def test_a_token_full_at_the_start(tmp_path: Path, token: SimulatedToken) -> None:
    with simulated_store(tmp_path, token) as keystore:
        token.capacity = 3
        with pytest.raises(TokenFull, match="no room"):
            Installation(tmp_path, f"sqlite:///{tmp_path}/test.db", keystore=keystore)


def test_a_wrong_pin_is_said_at_the_start() -> None:
    with LiveInstance() as live:
        set_pin(live, WRONG_PIN)
        with pytest.raises(ProcessFailed, match="the custodian cannot start: the token refused the PIN"):
            live.start()
        assert live.supervisor.revive() == []  # a token counts wrong PINs
        assert WRONG_PIN not in live.logs()


def test_a_pin_that_became_wrong_holds_jobs_up_until_it_is_right() -> None:
    records = random_records()
    with LiveInstance() as live:
        live.start()
        owner = live.client("alice", Role.DATA_OWNER)
        descriptor = ready_dataset(owner, live.home / "package", records, declaration(records))
        job = submit(owner, job_body(descriptor.dataset_id, steps=24))
        steps_done(owner, job.id, 2)
        right = set_pin(live, WRONG_PIN)
        live.kill("custodian", "all")
        assert eventually(live.supervisor.revive, 10, "nothing died") == ["custodian"]
        eventually(lambda: "the custodian cannot start" in live.logs(), 30, "the custodian did not say why")
        with pytest.raises(ProblemError) as refused:
            owner.submit_job(job_body(descriptor.dataset_id))
        assert refused.value.status == 503
        assert owner.job(job.id).state == "running"
        set_pin(live, right)
        live.start("custodian")
        assert finished(owner, job.id).state == "succeeded"
        patiently(lambda: submit(owner, job_body(descriptor.dataset_id)))


def test_an_absent_token_is_said_at_the_start() -> None:
    with LiveInstance() as live:
        (live.settings.custody / "token").rename(live.home / "elsewhere")
        with pytest.raises(ProcessFailed, match="0 tokens match"):
            live.start()


def set_pin(live: LiveInstance, pin: str) -> str:
    """Write another PIN into the file that the custodian reads; return the one before."""
    file = live.settings.custody / "pin"
    before = file.read_text().strip()
    file.write_text(pin + "\n")
    return before
