"""Consent to one sealed job: signed, stored nowhere, shown again when its trainer asks for the keys.

It is signed under a payload type of its own, so it is never taken for the consent to an encrypted job.
"""

from typing import Any, Final

from audit.entry import Outcome
from policies.actions import Action
from secure_ds.custodian.context import CustodianContext, ask_policy, entry, log_now
from secure_ds.custodian.errors import DataMismatch, LimitExceeded
from secure_ds.custodian.grants import open_grant
from secure_ds.custodian.keyring import GRANTS
from secure_ds.custodian.sealed.budget import budget_of
from secure_ds.custodian.sealed.held import SealedHolding, held_sealed, require_newest, sealed_key_facts
from secure_ds.custodian.sealed.plans import plan_of_sealed_job
from secure_ds.privacy.errors import RenyiBudgetExceeded
from secure_ds.privacy.renyi import reserve
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.custodian import Grant, GrantRequest
from secure_ds.wire.datasets import Envelope

PAYLOAD_TYPE: Final = "application/vnd.secure-ds.sealed-grant+json"


def grant_sealed(context: CustodianContext, message: GrantRequest) -> Grant:
    """Consent to a job, if its plan is right and what the data set's owner signed would cover all of it.

    Raises:
        KeyUnknown, KeyRotated, DataMismatch, PlanMismatch, LimitExceeded, PolicyRefused.
    """
    held = holding_of_job(context, message)
    require_newest(context, held)
    plan = plan_of_sealed_job(held, message)
    require_sealed_allowed(context, held, message)
    require_covered(context, held, message.job_id, plan)
    envelope = context.keyring.sign(GRANTS, message.model_dump_json().encode(), PAYLOAD_TYPE)
    return Grant(envelope=Envelope.model_validate_json(envelope))


def open_sealed_grant(context: CustodianContext, envelope: Envelope, job_id: str) -> GrantRequest:
    """Return what this custodian consented to. Raises `GrantInvalid`: it did not sign this, or not for this job."""
    return open_grant(context, envelope, job_id, PAYLOAD_TYPE)


def holding_of_job(context: CustodianContext, granted: GrantRequest) -> SealedHolding:
    """Return the one data set of a sealed job.

    Raises:
        KeyUnknown: it is not in custody.
        DataMismatch: it is not the one that the request speaks of.
    """
    if granted.dataset_ids != [granted.request.dataset_id]:
        raise DataMismatch("a sealed job is about one data set, the one that its request names")
    return held_sealed(context, granted.dataset_ids[0])


def require_sealed_allowed(context: CustodianContext, held: SealedHolding, granted: GrantRequest) -> dict[str, Any]:
    """Ask the policies at the third door; return the decision's record. Raises `PolicyRefused`."""
    return ask_policy(
        context,
        Action.KEY_USE,
        sealed_key_facts(held),
        tenant=granted.submitter.tenant,
        purpose=granted.request.purpose,
    )


def require_covered(context: CustodianContext, held: SealedHolding, job_id: str, plan: DpPlan) -> None:
    """Hold a whole plan against what the data set's owner signed, by the custodian's own count.

    Raises:
        LimitExceeded: it is not covered; the refusal is in the log of the owner's tenant.
    """
    try:
        reserve(budget_of(context, held.descriptor), job_id, plan.step_cost, plan.steps)
    except RenyiBudgetExceeded:
        dataset_id = held.registration.dataset_id
        details = {"code": LimitExceeded.code, "plan": plan.digest, "steps": plan.steps}
        refused = entry(
            Action.KEY_USE,
            held.registration.tenant,
            outcome=Outcome.DENIED,
            dataset_id=dataset_id,
            job_id=job_id,
            details=details,
        )
        log_now(context, refused)
        raise LimitExceeded(f"the limits that the owner of {dataset_id} signed do not cover this") from None
