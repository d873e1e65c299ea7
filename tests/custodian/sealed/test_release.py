"""A data key goes to one trainer of one job, once a lease; the whole plan is charged before."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from audit.entry import EntryDraft
from secure_ds.core.ids import new_id
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import (
    CustodianRefusal,
    DataMismatch,
    FenceStale,
    GrantInvalid,
    JobSettled,
    KeyRejected,
    KeyRotated,
    LimitExceeded,
    PlanMismatch,
    PolicyRefused,
    SessionConflict,
    SessionKeyRejected,
    SettlementRejected,
)
from secure_ds.custodian.grants import open_grant
from secure_ds.custodian.registration import register
from secure_ds.custodian.sealed import plans
from secure_ds.custodian.sealed.budget import budget_of
from secure_ds.custodian.sealed.grants import grant_sealed
from secure_ds.custodian.sealed.journal import SealedJournal
from secure_ds.custodian.sealed.registration import register_sealed
from secure_ds.data.errors import ContainerRefused
from secure_ds.data.sealed.key import session_info
from secure_ds.privacy.renyi import gaussian_cost
from secure_ds.store.rows import Lease
from tests.custodian.offers import Offer
from tests.custodian.sealed.jobs import STEPS, PlanByHand, SealedJob, Trainer, grant_request, plan_by_hand, start_job
from tests.custodian.sealed.offers import SealedOffer
from tests.custodian.sealed.test_registration import child_of, child_of_encrypted
from tests.custodian.test_journal import spend
from tests.data.sealed.descriptors import ORDERS
from tests.installation import Installation


def charged(custodian: CustodianContext, job: SealedJob) -> tuple[int, ...]:
    return budget_of(custodian, job.offer.descriptor()).spent


def cost(job: SealedJob, steps: int) -> tuple[int, ...]:
    plan = plan_by_hand(job.offer.descriptor(), job.request.request)
    return tuple(steps * step for step in plan.step_cost)


def entries(custodian: CustodianContext, action: str, job: SealedJob) -> list[EntryDraft]:
    with custodian.store.read() as work:
        drafts = [found.read().draft for found in work.audit.walk(0, work.audit.head().size)]
    return [draft for draft in drafts if draft.action == action and draft.job_id == job.job_id]


def test_the_trainer_opens_what_was_released_to_it(job: SealedJob) -> None:
    assert job.open(job.ask()) == job.offer.data_key


def test_the_same_question_is_answered_again_and_charged_once(custodian: CustodianContext, job: SealedJob) -> None:
    first, second = job.ask(), job.ask()
    assert first != second, "sealed anew"
    assert job.open(second) == job.offer.data_key
    assert charged(custodian, job) == cost(job, STEPS)
    assert len(SealedJournal(custodian.journal).sessions(job.job_id)) == 1


def test_nothing_is_charged_before_the_first_release(custodian: CustodianContext, job: SealedJob) -> None:
    assert charged(custodian, job) == (0, 0, 0)


def test_the_charge_and_the_session_are_durable_before_the_key_is_unwrapped(
    custodian: CustodianContext, job: SealedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise RuntimeError

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(type(custodian.keyring), "unwrap_secret", fails)
        job.ask()
    assert charged(custodian, job) == cost(job, STEPS)
    with pytest.raises(SessionConflict):
        replace(job, trainer=Trainer()).ask()
    assert job.open(job.ask()) == job.offer.data_key


# A trainer of one job and the key of another


@pytest.fixture
def other(custodian: CustodianContext, job: SealedJob) -> SealedJob:
    """Another owner's job, held by another worker."""
    return start_job(custodian)


def own_lease_with_the_others_grant(job: SealedJob, other: SealedJob) -> None:
    job.ask(grant=other.grant)


def the_others_grant_and_job_with_own_fence(job: SealedJob, other: SealedJob) -> None:
    job.taken_over().ask(
        grant=other.grant, job_id=other.job_id
    )  # fences of two jobs may be the same number, so move on


def replay_under_own_session_key(job: SealedJob, other: SealedJob) -> None:
    other.ask()
    other.ask(session_key=job.trainer.session_key)


def replay_under_own_session_and_signing_key(job: SealedJob, other: SealedJob) -> None:
    other.ask()
    replace(other, trainer=job.trainer).ask()


def first_in_the_others_name_with_a_session_that_was_used(job: SealedJob, other: SealedJob) -> None:
    job.ask()
    replace(other, trainer=job.trainer).ask()


def a_grant_that_nobody_signed(job: SealedJob, other: SealedJob) -> None:
    job.ask(grant=job.grant.model_copy(update={"payload": other.grant.payload}))


@pytest.mark.parametrize(
    ("attack", "refusal"),
    [
        (own_lease_with_the_others_grant, GrantInvalid),
        (the_others_grant_and_job_with_own_fence, FenceStale),
        (replay_under_own_session_key, SessionConflict),
        (replay_under_own_session_and_signing_key, SessionConflict),
        (first_in_the_others_name_with_a_session_that_was_used, SessionConflict),
        (a_grant_that_nobody_signed, GrantInvalid),
    ],
)
def test_a_trainer_cannot_get_another_jobs_key(
    job: SealedJob,
    other: SealedJob,
    attack: Callable[[SealedJob, SealedJob], None],
    refusal: type[CustodianRefusal],
) -> None:
    with pytest.raises(refusal):
        attack(job, other)


def test_what_was_released_for_another_job_does_not_open(job: SealedJob, other: SealedJob) -> None:
    job.ask()
    released = other.ask()
    with pytest.raises(ContainerRefused):
        other.open(released, trainer=job.trainer)
    with pytest.raises(ContainerRefused):  # with the other's session key, and the right one in the binding
        other.open(released, trainer=job.trainer, session_key=other.trainer.session_key)


@pytest.mark.parametrize(
    "wrong",
    [
        {"job_id": "job_" + "a" * 26},
        {"plan_digest": "sha256:" + "0" * 64},
        {"fence": 7},
        {"dataset_id": "ds_" + "a" * 26},
        {"session_key": "04" + "0" * 128},
    ],
)
def test_the_seal_is_bound_to_everything_it_is_for(job: SealedJob, wrong: dict[str, Any]) -> None:
    released = job.ask()
    assert job.open(released) == job.offer.data_key
    with pytest.raises(ContainerRefused):
        job.open(released, **wrong)


def test_a_grant_for_a_sealed_job_is_none_for_an_encrypted_one(custodian: CustodianContext, job: SealedJob) -> None:
    with pytest.raises(GrantInvalid):
        open_grant(custodian, job.grant, job.job_id)


# Leases


def test_another_trainer_under_the_same_fence_is_refused(job: SealedJob) -> None:
    job.ask()
    with pytest.raises(SessionConflict):
        replace(job, trainer=Trainer()).ask()


def test_a_takeover_gets_the_key_and_is_not_charged_again(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    successor = job.taken_over()
    assert successor.open(successor.ask()) == job.offer.data_key
    assert charged(custodian, job) == cost(job, STEPS)
    with pytest.raises(FenceStale):
        job.ask()


@pytest.mark.parametrize("fence", [0, 2, 99])
def test_a_fence_that_nobody_holds_is_refused(job: SealedJob, fence: int) -> None:
    assert fence != job.fence
    with pytest.raises(FenceStale):
        job.ask(fence=fence)


def test_the_fence_of_work_that_was_let_go_is_refused(custodian: CustodianContext, job: SealedJob) -> None:
    with custodian.store.write() as work:
        work.work.let_go(Lease("train", job.job_id, "worker-1", job.fence, custodian.clock.now()))
    for fence in (job.fence, job.fence + 1):  # letting go raises the fence, but nobody holds it
        with pytest.raises(FenceStale):
            job.ask(fence=fence)


def test_finished_work_gets_no_key(custodian: CustodianContext, job: SealedJob) -> None:
    with custodian.store.write() as work:
        work.work.finish(Lease("train", job.job_id, "worker-1", job.fence, custodian.clock.now()))
    with pytest.raises(FenceStale):
        job.ask()


def test_a_session_key_off_the_curve_is_refused_and_costs_nothing(custodian: CustodianContext, job: SealedJob) -> None:
    with pytest.raises(SessionKeyRejected):
        job.ask(session_key="04" + "11" * 64)
    assert charged(custodian, job) == (0, 0, 0)


# Plans, policies and limits


def test_another_plan_than_the_custodian_computes_is_refused(custodian: CustodianContext, job: SealedJob) -> None:
    wrong = grant_request(job.offer).model_copy(update={"plan_digest": "sha256:" + "0" * 64})
    with pytest.raises(PlanMismatch):
        grant_sealed(custodian, wrong)


def test_a_plan_that_changed_since_the_grant_is_refused(job: SealedJob, monkeypatch: pytest.MonkeyPatch) -> None:
    plans._plan.cache_clear()
    cheaper = PlanByHand(job.offer.dataset_id, "cheaper", STEPS, (1, 1, 1))
    monkeypatch.setattr(plans, "dp_plan_for", lambda *_: cheaper)
    with pytest.raises(PlanMismatch):
        job.ask()


def test_a_job_on_other_data_than_it_names_is_refused(custodian: CustodianContext, job: SealedJob) -> None:
    theirs = SealedOffer(custodian)
    register_sealed(custodian, theirs.message())
    swapped = grant_request(job.offer).model_copy(update={"dataset_ids": [theirs.dataset_id]})
    with pytest.raises(DataMismatch):
        grant_sealed(custodian, swapped)


def test_a_purpose_that_the_owner_did_not_sign_is_refused(custodian: CustodianContext, job: SealedJob) -> None:
    with pytest.raises(PolicyRefused):
        grant_sealed(custodian, grant_request(job.offer, purpose="marketing"))


def test_another_tenant_is_refused(custodian: CustodianContext, job: SealedJob) -> None:
    message = grant_request(job.offer)
    stranger = message.submitter.model_copy(update={"tenant": "insurer"})
    with pytest.raises(PolicyRefused):
        grant_sealed(custodian, message.model_copy(update={"submitter": stranger}))


def test_a_plan_beyond_the_limit_is_not_granted(custodian: CustodianContext, job: SealedJob) -> None:
    with pytest.raises(LimitExceeded):
        grant_sealed(custodian, grant_request(job.offer, steps=4096, epsilon=50.0))


def test_of_two_granted_jobs_the_limit_covers_the_first_alone(custodian: CustodianContext, planned: None) -> None:
    first = start_job(custodian, epsilon=2.0)
    second = start_job(custodian, first.offer, epsilon=2.0)
    first.ask()
    with pytest.raises(LimitExceeded):
        second.ask()
    assert SealedJournal(custodian.journal).sessions(second.job_id) == []
    assert charged(custodian, first) == cost(first, STEPS)


def test_policies_are_asked_again_at_the_release(
    custodian: CustodianContext, job: SealedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise PolicyRefused("no longer")

    monkeypatch.setattr("secure_ds.custodian.sealed.grants.ask_policy", refuses)
    with pytest.raises(PolicyRefused):
        job.ask()
    assert charged(custodian, job) == (0, 0, 0)


def test_a_job_goes_on_under_the_plan_it_began_with(custodian: CustodianContext, job: SealedJob) -> None:
    """Else it could be charged for a cheap plan and run a dear one."""
    job.ask()
    dearer = grant_sealed(custodian, grant_request(job.offer, job_id=job.job_id, epsilon=1.5)).envelope
    with pytest.raises(PlanMismatch):
        job.taken_over().ask(grant=dearer)
    assert charged(custodian, job) == cost(job, STEPS)


def test_records_that_were_sealed_again_are_released_no_more(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    child, fields = child_of(job.offer)
    register_sealed(custodian, child.message(**fields))
    with pytest.raises(KeyRotated):
        job.ask()
    assert budget_of(custodian, child.descriptor(**fields)).spent == cost(job, STEPS), "inherited"


def test_what_an_encrypted_parent_released_counts(custodian: CustodianContext, planned: None) -> None:
    parent = Offer(custodian)
    register(custodian, parent.message())
    with custodian.journal.append() as page:
        page.spent(spend(0, job_id=new_id("job"), dataset_id=parent.dataset_id, units=3 * 10**10))
    child, fields = child_of_encrypted(parent)
    register_sealed(custodian, child.message(**fields))
    assert budget_of(custodian, child.descriptor(**fields)).spent == gaussian_cost(3 * 10**10, ORDERS)


def test_records_that_released_all_they_may_are_not_sealed_anew(custodian: CustodianContext) -> None:
    parent = Offer(custodian)
    register(custodian, parent.message())
    with custodian.journal.append() as page:
        page.spent(spend(0, job_id=new_id("job"), dataset_id=parent.dataset_id, units=10**13))
    child, fields = child_of_encrypted(parent)
    with pytest.raises(KeyRejected, match="leaves nothing"):
        register_sealed(custodian, child.message(**fields))


# Settlement


def test_unused_steps_come_back_once(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    assert job.settle(4).steps_charged == 4
    assert job.settle(4).steps_charged == 4
    assert charged(custodian, job) == cost(job, 4)
    with pytest.raises(SettlementRejected):
        job.settle(3)
    with pytest.raises(SettlementRejected):
        job.settle(5)
    assert charged(custodian, job) == cost(job, 4)


def test_after_settlement_no_key_is_released(job: SealedJob) -> None:
    job.ask()
    job.settle(4)
    with pytest.raises(JobSettled):
        job.ask()
    with pytest.raises(JobSettled):
        job.taken_over().ask()


def test_neither_a_replaced_trainer_nor_its_successor_can_settle(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    successor = job.taken_over()
    successor.ask()
    with pytest.raises(SettlementRejected):
        job.settle(0)
    with pytest.raises(SettlementRejected, match="none knows what the others released"):
        successor.settle(0)
    assert charged(custodian, job) == cost(job, STEPS)


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_digest": "sha256:" + "0" * 64},
        {"session_key": "04" + "0" * 128},
        {"job_id": "job_" + "a" * 26},
        {"steps_spent": STEPS + 1},
    ],
)
def test_a_settlement_of_something_else_is_refused(
    custodian: CustodianContext, job: SealedJob, changes: dict[str, Any]
) -> None:
    job.ask()
    with pytest.raises(SettlementRejected):
        job.settle(**{"steps": 0} | changes if "steps_spent" not in changes else {"steps": changes["steps_spent"]})
    assert charged(custodian, job) == cost(job, STEPS)


def test_a_worker_cannot_settle_for_its_trainer(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    with pytest.raises(SettlementRejected):
        job.settle(0, trainer=Trainer())
    assert charged(custodian, job) == cost(job, STEPS)


def test_a_job_that_was_given_no_key_has_nothing_to_settle(job: SealedJob) -> None:
    with pytest.raises(SettlementRejected):
        job.settle(0)


# What is written where


def test_every_release_and_settlement_is_in_the_log(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    job.ask()
    job.settle(4)
    (released,) = entries(custodian, "key:release", job)
    assert released.details["steps_charged"] == STEPS
    assert released.details["session_key"] == job.trainer.session_key
    (settled,) = entries(custodian, "key:settle", job)
    assert settled.details["steps_spent"] == 4


def test_the_journal_takes_nothing_back(custodian: CustodianContext, job: SealedJob) -> None:
    job.ask()
    job.settle(1)
    for table in ("sealed_keys", "sealed_sessions", "sealed_charges", "sealed_settlements"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid"):  # noqa: S608
            with pytest.raises(IntegrityError, match="append-only"), custodian.journal._engine.begin() as connection:
                connection.execute(text(statement))


def test_a_data_key_is_neither_on_disk_nor_in_the_log(
    installation: Installation, job: SealedJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job.ask()
    job.settle(4)
    key = job.offer.data_key
    spellings = (key, key.hex().encode(), repr(key).encode())
    for path in Path(installation.home).rglob("*"):
        if path.is_file():
            assert not any(spelling in path.read_bytes() for spelling in spellings), path
    assert not any(spelling.decode("latin-1") in caplog.text for spelling in spellings)


def test_the_binding_has_one_spelling() -> None:
    assert session_info("job", "plan", 1, "ds", "04") == (
        b'{"dataset_id":"ds","fence":1,"job_id":"job","plan":"plan",'
        b'"purpose":"secure-ds/sealed-data-key-for-trainer/1","session_key":"04"}'
    )


def test_orders_of_the_examples_are_those_of_the_budget(custodian: CustodianContext, job: SealedJob) -> None:
    assert list(budget_of(custodian, job.offer.descriptor()).limit.orders) == ORDERS
