"""Release a job's data key to one trainer, sealed to that trainer's session key.

Rules kept here:

1. The key goes to whoever the holder of the job's lease names, once for each lease: the same trainer may ask again,
   another may not. A trainer that was given keys once is given no others.
2. Order of things, each durable before the next: the charge for the whole plan (at the job's first release) with the
   session and the entry it owes the log; the entry in the log; the reply.
3. In the clear the key exists for as long as it takes to seal it, in this process alone.
"""

import base64
from typing import Any

from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import FenceStale, JobSettled, PlanMismatch, SessionConflict, SessionKeyRejected
from secure_ds.custodian.sealed.grants import (
    holding_of_job,
    open_sealed_grant,
    require_covered,
    require_sealed_allowed,
)
from secure_ds.custodian.sealed.held import SealedHolding, require_newest, unwrapped_key
from secure_ds.custodian.sealed.journal import SealedCharge, SealedJournal, Session, write_charge, write_session
from secure_ds.custodian.sealed.plans import plan_of_sealed_job
from secure_ds.data.sealed.key import session_info, session_point
from secure_ds.data.sealing import seal
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.sealed import SealedKey, SealedKeyRequest, SealedKeys


def release_keys(context: CustodianContext, request: SealedKeyRequest) -> SealedKeys:
    """Return the data key of a job's data set, sealed to a trainer.

    Raises:
        GrantInvalid, KeyUnknown, KeyRotated, DataMismatch, PlanMismatch: it is not about a job this custodian
            consented to.
        FenceStale: the fence is not that of the present holder of the job.
        JobSettled: the job has ended.
        SessionConflict: another trainer was given the key under this fence, or this one under another.
        SessionKeyRejected: the session key is no point of P-256.
        LimitExceeded, PolicyRefused: what the owner signed, or the policies, do not, or no longer, allow it.
    """
    granted = open_sealed_grant(context, request.grant, request.job_id)
    held = holding_of_job(context, granted)
    require_newest(context, held)
    plan = plan_of_sealed_job(held, granted)
    _require_holder(context, request)
    session = Session(request.job_id, request.fence, request.session_key, request.signing_key)
    is_new = _is_new(context, session)
    decision = require_sealed_allowed(context, held, granted)
    _require_point(request.session_key)
    if is_new:
        _admit(context, held, plan, session, decision)
    deliver(context)
    return SealedKeys(keys=[_sealed(context, held, plan, session)])


def _require_holder(context: CustodianContext, request: SealedKeyRequest) -> None:
    with context.store.read() as work:
        fence = work.work.fence_of_holder("train", request.job_id)
    if fence != request.fence:
        raise FenceStale("the fence is not that of the present holder of this job")


def _is_new(context: CustodianContext, session: Session) -> bool:
    """Whether this trainer asks for the first time."""
    journal = SealedJournal(context.journal)
    if journal.settlement(session.job_id) is not None:
        raise JobSettled("this job has ended; its keys are released no more")
    sessions = journal.sessions(session.job_id)
    if session in sessions:
        return False
    if any(earlier.fence >= session.fence for earlier in sessions):
        raise SessionConflict("another trainer was given the keys under this lease, or a later one")
    if journal.is_known(session.session_key, session.signing_key):
        raise SessionConflict("this trainer was given keys before; a trainer serves one lease of one job")
    return True


def _require_point(session_key: str) -> None:
    try:
        session_point(session_key)
    except ValueError:
        raise SessionKeyRejected("the session key must be a point of P-256") from None


def _admit(
    context: CustodianContext, held: SealedHolding, plan: DpPlan, session: Session, decision: dict[str, Any]
) -> None:
    """Charge the job if nobody has yet, and write the trainer down with the entry that its tenant is owed."""
    dataset_id, charged = held.registration.dataset_id, SealedJournal(context.journal).charges(session.job_id)
    if any(charge.plan_digest != plan.digest for charge in charged):
        raise PlanMismatch("the job began under another plan")
    if not charged:
        require_covered(context, held, session.job_id, plan)
    event_id = f"key:release/{session.job_id}/{session.fence}"
    draft = entry(
        "key:release",
        held.registration.tenant,
        decision=decision,
        dataset_id=dataset_id,
        job_id=session.job_id,
        details={
            "fence": session.fence,
            "plan": plan.digest,
            "session_key": session.session_key,
            "signing_key": session.signing_key,
            "steps_charged": 0 if charged else plan.steps,
        },
        event_id=event_id,
    )
    with context.journal.append() as page:
        if not charged:
            write_charge(page, SealedCharge(session.job_id, dataset_id, plan.digest, plan.steps, plan.step_cost))
        write_session(page, session)
        page.announce(event_id, as_json(draft))


def _sealed(context: CustodianContext, held: SealedHolding, plan: DpPlan, session: Session) -> SealedKey:
    dataset_id = held.registration.dataset_id
    info = session_info(session.job_id, plan.digest, session.fence, dataset_id, session.session_key)
    data_key = unwrapped_key(context, held.registration)
    sealed = seal(data_key, session_point(session.session_key), info)
    return SealedKey(dataset_id=dataset_id, sealed_key=base64.b64encode(sealed).decode())
