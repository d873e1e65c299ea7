"""Two worker processes of two domains and an owner who demands both: killed in the middle, and every step has both."""

import pytest

from secure_ds.cli.processes import SECOND_WORKER
from secure_ds.core.principal import Role
from tests.e2e.evidence import Evidence, read_log
from tests.e2e.live import LiveInstance
from tests.e2e.owner import finished, job_body, ready_dataset, steps_done, submit
from tests.installation import declaration, random_records

STEPS = 6
LEASE_SECONDS = 1.0  # how long a killed worker is missed


@pytest.mark.slow
def test_a_job_of_two_workers_survives_the_death_of_either() -> None:
    records = random_records()
    with LiveInstance(dual=True, lease_seconds=LEASE_SECONDS, checkpoint_seconds=2.0) as live:
        live.start()
        live.start(SECOND_WORKER)
        owner, officer = live.client("alice", Role.DATA_OWNER), live.client("carol", Role.COMPLIANCE_OFFICER)
        keys = owner.public_keys()
        demanding = declaration(records, dual_evaluation_required=True)
        descriptor = ready_dataset(owner, live.home / "package", records, demanding)
        with live.kept_up():
            job = submit(owner, job_body(descriptor.dataset_id, steps=STEPS))
            for done, victim in enumerate(("worker", SECOND_WORKER), start=1):
                steps_done(owner, job.id, done)
                live.kill(victim, "all")
            assert finished(owner, job.id).state == "succeeded"
            entries = read_log(officer, keys)
        evidence = Evidence(live.store(), live.journal(), entries, descriptor)
        evidence.check_all()
        for row in evidence.jobs():
            evidence.check_model(row, owner, keys)
        attested = {
            (entry["details"]["step"], entry["details"]["domain"])
            for entry in entries
            if entry["action"] == "job:attest"
        }
        assert attested == {(step, domain) for step in range(STEPS) for domain in ("first", "second")}
