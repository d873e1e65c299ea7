"""Several owners in one job: all of them allow it and all of them are charged, or it stops; each log tells its own
tenant what happened and shows nothing of the other's."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.profiles import STATISTICS
from secure_ds.ckks.record_grid import on_grid
from secure_ds.client.group import consent_to
from secure_ds.client.recheck import recheck, require_certified
from secure_ds.client.upload_key import public_key_text
from secure_ds.client.verify import signed_statement, verify_model
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Role
from secure_ds.custodian.journal import Spend
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.privacy.gdp import epsilon_of
from secure_ds.services.errors import (
    AccessDenied,
    BudgetRefused,
    ConsentMissing,
    GrantRefused,
    NotFound,
    StateConflict,
)
from secure_ds.services.job_data import NOT_COVERED
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan
from secure_ds.training.encrypted.least_squares.twin import clear_answer
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.certificate import PAYLOAD_TYPE
from secure_ds.wire.custodian import ConsentMessage
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from tests.collaborating import MAX_DECRYPTIONS, SETTINGS, STEPS, Joined, Member, joined, opened, run_until
from tests.installation import PURPOSE, Installation, random_records


@pytest.fixture
def scene(tmp_path: Path) -> Joined:
    return joined(tmp_path)


def withdraw_behind_the_service(scene: Joined, member: Member) -> Callable[[], object]:
    """The owner's withdrawal reaches the custodian, and the service's own table never hears of it."""
    _, envelope = consent_to(member.descriptor, "withdrawn", member.upload_key)
    message = ConsentMessage(dataset_id=member.dataset_id, envelope=Envelope.model_validate_json(envelope))
    return lambda: scene.installation.context.custody.consent(message)


def forget_in_the_service(scene: Joined, member: Member, units: int) -> Callable[[], None]:
    """The custodian's journal knows of a payment that a restored service has forgotten."""
    zero = "sha256:" + "0" * 64
    paid = Spend("job_" + "a" * 26, 0, member.dataset_id, scene.id, 1, zero, zero, zero, units)

    def act() -> None:
        with scene.installation.custodian.journal.append() as page:
            page.spent(paid)

    return act


def paid_in_journal(scene: Joined, job_id: str) -> list[tuple[int, str]]:
    return [(paid.step, paid.dataset_id) for paid in scene.installation.custodian.journal.spends(job_id)]


def both(scene: Joined, steps: int) -> list[tuple[int, str]]:
    ids = sorted([scene.north.dataset_id, scene.south.dataset_id])
    return [(step, dataset_id) for step in range(steps) for dataset_id in ids]


def certified(scene: Joined, job_id: str) -> tuple[bytes, bytes]:
    model_id = scene.job(job_id).model_id or ""
    services = scene.installation.services
    return services.download_certificate(scene.engineer, model_id), services.download_weights(scene.engineer, model_id)


def test_a_joint_job_charges_every_owner_and_is_certified_for_all(tmp_path: Path, database_url: str) -> None:
    scene = opened(Installation(tmp_path, database_url))
    job = scene.submit()
    ids = sorted([scene.north.dataset_id, scene.south.dataset_id])
    assert (job.dataset_ids, job.collaboration_id, job.tenant) == (ids, scene.id, "north")
    scene.installation.run()
    assert (scene.job(job.id).state, scene.job(job.id).failure) == ("succeeded", None)
    for member in (scene.north, scene.south):
        releases, units, reserved = scene.spent(member)
        assert (releases, reserved) == (STEPS, 0) and units > 0
    assert paid_in_journal(scene, job.id) == both(scene, STEPS)
    certificate, weights = certified(scene, job.id)
    report = verify_model(certificate, weights, scene.installation.services.public_keys())
    assert report.passed, report.checks
    assert report.claims is not None
    claims = report.claims
    assert [(claim.id, claim.tenant) for claim in claims.data] == [
        (member.dataset_id, member.descriptor.tenant)
        for member in sorted([scene.north, scene.south], key=lambda each: each.dataset_id)
    ]
    assert all(claim.consent is not None for claim in claims.data) and claims.collaboration is not None
    assert (claims.custody.max_decryptions, claims.custody.decryptions_used) == (MAX_DECRYPTIONS, STEPS)
    plan = plan_from_json(claims.plan)
    twice = epsilon_of(4 * sum(plan.charges), plan.request.delta, 2 * plan.facts.distance)
    assert [(each.data_sets, each.epsilon) for each in claims.privacy.persons_in_several] == [(2, twice)]
    assert any("none of them runs the custodian" in line for line in claims.trust)


def by_another_key(scene: Joined, dataset_id: str) -> dict[str, Any]:
    """What a claim would say of an owner, had somebody else signed in its name."""
    member = next(each for each in (scene.north, scene.south) if each.dataset_id == dataset_id)
    key = Ed25519PrivateKey.generate()
    consent = json.loads(consent_to(member.descriptor, "joined", key)[1])
    return {"upload_key": public_key_text(key), "consent": consent}


def test_a_certificate_without_an_owners_own_signature_does_not_verify(scene: Joined) -> None:
    job = scene.submit()
    scene.installation.run()
    certificate, weights = certified(scene, job.id)
    keyring, pinned = scene.installation.custodian.keyring, scene.installation.services.public_keys()
    honest = signed_statement(certificate, pinned)
    assert honest is not None
    first, second = honest.predicate.data
    owner = scene.north if first.id == scene.north.dataset_id else scene.south
    withdrawn = json.loads(consent_to(owner.descriptor, "withdrawn", owner.upload_key)[1])
    for data in (
        [first.model_copy(update={"consent": withdrawn}), second],
        [first, second.model_copy(update={"consent": first.consent})],
        [first.model_copy(update={"consent": None}), second],
        [first, second.model_copy(update=by_another_key(scene, second.id))],
    ):
        predicate = honest.predicate.model_copy(update={"data": data})
        changed = honest.model_copy(update={"predicate": predicate}).model_dump(mode="json", by_alias=True)
        forged = keyring.sign(CERTIFICATES, rfc8785.dumps(changed), PAYLOAD_TYPE)
        report = verify_model(forged, weights, pinned)
        assert [check.name for check in report.checks if not check.passed] == ["owners"]


def test_the_sums_are_over_the_records_of_all_and_can_be_recomputed(scene: Joined) -> None:
    job = scene.submit()
    scene.installation.run()
    plan = plan_from_json(scene.job(job.id).plan)
    assert isinstance(plan, LogisticPlan)
    steps = scene.installation.services.list_steps(scene.north.owner, job.id).items
    gradient = plan.mean_gradient(0, [int(value) for value in steps[0].answer or []]) * plan.normaliser
    X, v = zip(*(_clear(member, seed) for member, seed in ((scene.north, 1), (scene.south, 2))), strict=True)
    expected = -np.concatenate(v) @ np.vstack(X)
    assert np.abs(gradient - expected).max() < 6 * plan.sigma
    assert plan.facts.n_records == 120 and plan.normaliser == 120
    rows = [scene.north.descriptor, scene.south.descriptor]
    parts = [
        stored_blocks(scene.installation.context, descriptor)
        for descriptor in sorted(rows, key=lambda each: each.dataset_id)
    ]
    assert all(step.agrees for step in recheck(parts, plan, steps, range(STEPS)))
    certificate, weights = certified(scene, job.id)
    report = verify_model(certificate, weights, scene.installation.services.public_keys())
    assert report.claims is not None
    require_certified(report.claims, job.id, [part.descriptor.digest for part in parts], plan, steps)


def test_least_squares_on_the_records_of_all_is_exact_to_the_bit(tmp_path: Path) -> None:
    """One release: the statistics of both owners' records together, rounded without error, and the noise."""
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db", noise=random.Random(7))
    scene = opened(installation, profile=STATISTICS)
    settings = dict.fromkeys(SETTINGS)
    job = scene.submit(epsilon=2.0, algorithm="encrypted_least_squares", **settings)
    scene.installation.run()
    assert (scene.job(job.id).state, scene.job(job.id).failure) == ("succeeded", None)
    plan = plan_from_json(scene.job(job.id).plan)
    assert isinstance(plan, LeastSquaresPlan)
    X, v = zip(*(_clear(member, seed) for member, seed in ((scene.north, 1), (scene.south, 2))), strict=True)
    (step,) = scene.installation.services.list_steps(scene.north.owner, job.id).items
    labels = (np.concatenate(v) > 0).astype(np.int64)
    expected = clear_answer(plan, on_grid(np.vstack(X)), labels, random.Random(7))
    assert [int(value) for value in step.answer or []] == expected
    assert scene.spent(scene.north) == scene.spent(scene.south) != (0, 0, 0)


def _clear(member: Member, seed: int) -> tuple[Any, Any]:
    records = random_records(seed=seed)
    return member.descriptor.feature_map.apply(records), records.columns["label"] - 0.5


def test_a_withdrawal_half_way_stops_the_job_and_charges_what_was_released(scene: Joined) -> None:
    job = scene.submit()
    run_until(scene, 1, lambda: scene.consent(scene.south, "withdrawn"))
    ended = scene.job(job.id)
    assert (ended.state, ended.steps_done, ended.model_id) == ("failed", 1, None)
    assert ended.failure is not None and ended.failure.startswith("consent_withdrawn")
    for member in (scene.north, scene.south):
        releases, units, reserved = scene.spent(member)
        assert (releases, reserved) == (1, 0) and units > 0
    assert paid_in_journal(scene, job.id) == both(scene, 1)
    for tenant, member in (("north", scene.north), ("south", scene.south)):
        (failed,) = scene.log(tenant, "job:fail")
        assert (failed["dataset_id"], failed["job_id"]) == (member.dataset_id, job.id)
        assert "no longer consents" in failed["details"]["reason"]
        assert scene.log(tenant, "collaboration:withdraw")
        assert len(scene.log(tenant, "ledger:spend")) == 1
    with pytest.raises(ConsentMissing):
        scene.submit(dataset_ids=[scene.north.dataset_id, scene.south.dataset_id])
    assert scene.submit().dataset_ids == [scene.north.dataset_id]


def test_the_custodian_stops_at_a_withdrawal_that_the_service_kept_to_itself(scene: Joined) -> None:
    job = scene.submit()
    run_until(scene, 1, withdraw_behind_the_service(scene, scene.south))
    ended = scene.job(job.id)
    assert ended.state == "failed" and ended.steps_done == 1
    assert ended.failure is not None and "consent_missing" in ended.failure
    for member in (scene.north, scene.south):
        releases, _, reserved = scene.spent(member)
        assert (releases, reserved) == (2, 0)  # the step that was refused was paid for first, and stays paid
    assert paid_in_journal(scene, job.id) == both(scene, 1)
    for tenant in ("north", "south"):
        refused = [entry for entry in scene.log(tenant, "key:use") if entry["outcome"] == "denied"]
        assert [entry["details"] for entry in refused] == [
            {"code": "consent_missing", "missing_of": scene.south.dataset_id}
        ]


def test_a_budget_that_is_exhausted_half_way_stops_the_job(scene: Joined) -> None:
    job = scene.submit()
    limit = _limit(scene, scene.south)
    run_until(scene, 2, forget_in_the_service(scene, scene.south, limit))
    ended = scene.job(job.id)
    assert (ended.state, ended.steps_done) == ("failed", 2)
    assert ended.failure is not None and "owner_limit_exceeded" in ended.failure
    assert scene.south.dataset_id in ended.failure and str(limit) not in ended.failure
    for member in (scene.north, scene.south):
        releases, _, reserved = scene.spent(member)
        assert (releases, reserved) == (3, 0)
    assert paid_in_journal(scene, job.id) == both(scene, 2)
    north, south = (
        [entry["details"] for entry in scene.log(tenant, "key:use") if entry["outcome"] == "denied"]
        for tenant in ("north", "south")
    )
    assert north == [{"code": "owner_limit_exceeded", "exceeded_of": scene.south.dataset_id}]
    assert south[0]["code"] == "owner_limit_exceeded" and int(south[0]["spent"]) > limit
    for tenant in ("north", "south"):
        (failed,) = scene.log(tenant, "job:fail")
        assert scene.south.dataset_id in failed["details"]["reason"]


def _limit(scene: Joined, member: Member) -> int:
    with scene.installation.store.read() as work:
        return work.ledger.budget(member.dataset_id).limit.units


def test_a_partners_budget_that_does_not_suffice_refuses_the_job_and_says_no_figure(scene: Joined) -> None:
    with scene.installation.store.write() as work:
        work.ledger.reserve(scene.south.dataset_id, new_id("job"), (_limit(scene, scene.south) - 1,))
    with pytest.raises(BudgetRefused) as caught:
        scene.submit()
    assert caught.value.facts is None
    assert caught.value.detail == NOT_COVERED.format(dataset=scene.south.dataset_id)
    assert scene.spent(scene.north) == (0, 0, 0)
    body = TrainingRequest(collaboration_id=scene.id, purpose=PURPOSE, epsilon=1.0, delta=1e-5, **SETTINGS)
    quoted = scene.installation.services.quote_job(scene.engineer, body)
    assert (quoted.admissible, quoted.refusals) == (False, [NOT_COVERED.format(dataset=scene.south.dataset_id)])
    assert quoted.epsilon_left == pytest.approx(4.0, rel=1e-3)
    told = scene.installation.services.quote_job(_engineer_of(scene, scene.south), body)
    assert told.epsilon_left is not None and told.epsilon_left < 0.01 and told.refusals != quoted.refusals
    with pytest.raises(BudgetRefused) as caught:
        scene.submit(_engineer_of(scene, scene.south))
    assert caught.value.facts is not None


def test_nobody_else_submits_and_nobody_with_less_than_every_owner_asks_for(scene: Joined) -> None:
    installation = scene.installation
    stranger = installation.caller("engineer-bank", Role.ML_ENGINEER, tenant="bank")
    with pytest.raises(NotFound):
        scene.submit(stranger)
    uncleared = installation.caller("trainee-north", Role.ML_ENGINEER, tenant="north", clearance=1)
    with pytest.raises(AccessDenied, match="clearance"):
        scene.submit(uncleared)
    purposeless = installation.caller("visitor-north", Role.ML_ENGINEER, tenant="north", purposes=frozenset())
    with pytest.raises(AccessDenied):
        scene.submit(purposeless)
    with pytest.raises(AccessDenied):  # owning one of the data sets does not open the other
        scene.submit(scene.north.owner)
    assert scene.submit(scene.north.owner, dataset_ids=[scene.north.dataset_id]).state == "queued"
    assert all(scene.spent(member)[2] == 0 for member in (scene.south,))


def test_a_refusal_on_a_partners_data_is_in_both_logs_with_its_grounds_in_the_partners_alone(scene: Joined) -> None:
    with pytest.raises(AccessDenied):
        scene.submit(scene.north.owner)
    (north,) = [entry for entry in scene.log("north", "job:submit") if entry["outcome"] == "denied"]
    (south,) = [entry for entry in scene.log("south", "job:submit") if entry["outcome"] == "denied"]
    assert north["decision"] is None and north["dataset_id"] == scene.south.dataset_id
    assert south["decision"]["basis"] == "no_permit" and south["actor"]["id"] == "owner-north"


def test_a_data_set_of_a_collaboration_is_trained_on_nowhere_else(scene: Joined) -> None:
    body = TrainingRequest(dataset_id=scene.north.dataset_id, purpose=PURPOSE, epsilon=1.0, delta=1e-5)
    for caller in (scene.engineer, scene.north.owner):
        with pytest.raises(AccessDenied, match="consent"):
            scene.installation.services.quote_job(caller, body)


def test_a_data_set_outside_the_collaboration_does_not_get_in(scene: Joined) -> None:
    owner = scene.installation.caller("owner-north", Role.DATA_OWNER, tenant="north")
    alone = scene.installation.ready_dataset(owner, tenant="north").dataset_id
    with pytest.raises(NotFound):
        scene.submit(dataset_ids=[scene.north.dataset_id, alone])


def test_no_job_without_anybody_who_takes_part(scene: Joined) -> None:
    for member in (scene.north, scene.south):
        scene.consent(member, "withdrawn")
    with pytest.raises(StateConflict):
        scene.submit()


def test_the_key_has_one_life_whoever_uses_it(scene: Joined) -> None:
    """Each ledger has room for more releases; the custodian counts those of the key."""
    for member, times in ((scene.north, 4), (scene.south, 1)):
        for _ in range(times):
            scene.submit(_engineer_of(scene, member), dataset_ids=[member.dataset_id], epsilon=0.5)
    scene.installation.run()
    used = scene.installation.context.custody.decryptions(scene.north.dataset_id)
    assert (used.used, used.limit) == (5 * STEPS, MAX_DECRYPTIONS)
    with pytest.raises(GrantRefused):
        scene.submit(epsilon=0.5)


def _engineer_of(scene: Joined, member: Member) -> Any:
    tenant = member.descriptor.tenant
    return scene.installation.caller(f"engineer-{tenant}", Role.ML_ENGINEER, tenant=tenant)


def test_a_partner_reads_nothing_of_the_data_set_itself(scene: Joined) -> None:
    services, south = scene.installation.services, scene.south.dataset_id
    block = scene.south.descriptor.blocks[0].digest
    officer = scene.installation.caller("officer-north", Role.COMPLIANCE_OFFICER, Role.DATA_OWNER, tenant="north")
    for caller in (scene.north.owner, officer, scene.engineer):
        for read in (
            lambda caller=caller: services.show_dataset(caller, south),
            lambda caller=caller: services.show_descriptor(caller, south),
            lambda caller=caller: services.show_budget(caller, south),
            lambda caller=caller: services.download_blob(caller, south, block),
        ):
            with pytest.raises(NotFound):
                read()
    shown = services.show_collaboration(scene.engineer, scene.id).data_sets
    assert {each.dataset_id: (each.tenant, each.n_records, each.consent) for each in shown} == {
        scene.north.dataset_id: ("north", 60, "joined"),
        south: ("south", 60, "joined"),
    }
    assert [view.id for view in services.list_datasets(scene.north.owner, None, 50).items] == [scene.north.dataset_id]


def test_every_tenant_concerned_follows_the_job_and_may_stop_it(scene: Joined) -> None:
    services = scene.installation.services
    job = scene.submit()
    officer = scene.installation.caller("officer-south", Role.COMPLIANCE_OFFICER, tenant="south")
    assert [view.id for view in services.list_jobs(scene.south.owner, None, 50, None).items] == [job.id]
    assert services.list_jobs(officer, None, 50, scene.south.dataset_id).items[0].id == job.id
    other = scene.installation.caller("engineer-bank", Role.ML_ENGINEER, tenant="bank")
    with pytest.raises(NotFound):
        services.show_job(other, job.id)
    services.cancel_job(scene.south.owner, job.id)
    assert scene.job(job.id).state == "cancelled"
    for tenant, member in (("north", scene.north), ("south", scene.south)):
        assert [entry["dataset_id"] for entry in scene.log(tenant, "job:cancel")] == [member.dataset_id]
        assert scene.spent(member) == (0, 0, 0)


def test_the_model_goes_to_the_submitter_and_to_every_owner(scene: Joined) -> None:
    services = scene.installation.services
    job = scene.submit()
    scene.installation.run()
    model_id = scene.job(job.id).model_id or ""
    for caller in (scene.engineer, scene.north.owner, scene.south.owner):
        assert services.download_weights(caller, model_id)
        assert [view.id for view in services.list_models(caller, None, 50).items] == [model_id]
    with pytest.raises(AccessDenied):
        services.download_weights(_engineer_of(scene, scene.south), model_id)


def test_each_log_tells_the_story_of_its_own_data(scene: Joined) -> None:
    job = scene.submit()
    scene.installation.run()
    acts = [
        "job:admit",
        "job:run",
        "ledger:spend",
        "key:use",
        "job:step",
        "model:train",
        "job:certify",
        "model:release",
    ]
    for tenant, member, other in (("north", scene.north, scene.south), ("south", scene.south, scene.north)):
        told = [entry for entry in scene.log(tenant) if entry["job_id"] == job.id]
        assert [act for act in acts if act not in {entry["action"] for entry in told}] == []
        assert {entry["dataset_id"] for entry in told} == {member.dataset_id}
        admitted = next(entry for entry in told if entry["action"] == "job:admit")
        assert (admitted["actor"]["id"], admitted["actor"]["tenant"]) == ("engineer-north", "north")
        about_the_other = [entry for entry in scene.log(tenant) if other.dataset_id in json.dumps(entry)]
        assert {entry["action"] for entry in about_the_other} == {"collaboration:join"}
