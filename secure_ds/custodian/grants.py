"""Consent to one job: signed, stored nowhere, shown again at every step.

The custodian recomputes the plan from the descriptor it holds and the request. Noise, scale and charges are therefore
never taken from a caller, here or later.
"""

from functools import lru_cache

from pydantic import ValidationError

from audit.entry import Outcome
from hsm.errors import EnvelopeRejected
from policies.actions import Action
from secure_ds.ckks.errors import PlanRefused
from secure_ds.custodian.confirmation import require_evaluators
from secure_ds.custodian.context import CustodianContext, ask_policy, entry, log_now
from secure_ds.custodian.errors import GrantInvalid, LimitExceeded, NotVerified, PlanMismatch
from secure_ds.custodian.held_keys import held_key, key_facts, norms_passed, require_not_rotated
from secure_ds.custodian.journal import Registration
from secure_ds.custodian.keyring import GRANTS
from secure_ds.data.descriptor import DatasetDescriptor, parse_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.planning import ledger_limit, plan_for
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.wire.custodian import Grant, GrantRequest
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest

PAYLOAD_TYPE = "application/vnd.secure-ds.grant+json"


def grant(context: CustodianContext, message: GrantRequest) -> Grant:
    """Consent to a job, if its plan is right and the owner's limits would cover all of it.

    Raises:
        KeyUnknown, KeyRotated, NotVerified, PlanMismatch, EvaluatorsMissing, LimitExceeded, PolicyRefused.
    """
    registration, descriptor = held_key(context, message.request.dataset_id)
    require_not_rotated(context, registration.dataset_id)
    if not norms_passed(context, descriptor):
        raise NotVerified("the data set has not passed the norm check")
    plan = plan_of_job(context, descriptor, message)
    require_evaluators(context, plan)
    require_within_limits(context, registration, descriptor, sum(plan.charges), plan.steps)
    ask_policy(
        context,
        Action.KEY_USE,
        key_facts(context, registration, descriptor),
        tenant=message.submitter.tenant,
        purpose=message.request.purpose,
    )
    payload = message.model_dump_json().encode()
    envelope = context.keyring.sign(GRANTS, payload, PAYLOAD_TYPE)
    return Grant(envelope=Envelope.model_validate_json(envelope))


def open_grant(context: CustodianContext, envelope: Envelope, job_id: str) -> GrantRequest:
    """Return what this custodian consented to.

    Raises:
        GrantInvalid: it did not sign this, or not for this job.
    """
    try:
        payload = context.keyring.verify(GRANTS, envelope.model_dump_json().encode(), PAYLOAD_TYPE)
        granted = GrantRequest.model_validate_json(payload)
    except (EnvelopeRejected, ValidationError):
        raise GrantInvalid("the grant is not one this custodian signed") from None
    if granted.job_id != job_id:
        raise GrantInvalid("the grant belongs to another job")
    return granted


def plan_of_job(context: CustodianContext, descriptor: DatasetDescriptor, granted: GrantRequest) -> EncryptedPlan:
    """Return the plan that follows from descriptor and request: the one named, and the one the job began with.

    Else a job could be answered under a dear plan and certified under a cheap one.

    Raises:
        PlanMismatch: it is another, or there is none.
    """
    try:
        plan = _plan(descriptor.canonical, granted.request)
    except (PlanRefused, PrivacyError) as error:
        raise PlanMismatch(str(error)) from error
    if plan.digest != granted.plan_digest:
        raise PlanMismatch("the plan is not the one that follows from the descriptor and the request")
    if any(spend.plan_digest != plan.digest for spend in context.journal.spends(granted.job_id)):
        raise PlanMismatch("the job began under another plan")
    return plan


def require_within_limits(
    context: CustodianContext, registration: Registration, descriptor: DatasetDescriptor, units: int, releases: int
) -> None:
    """Hold a cost against what the owner signed, by the custodian's own journal.

    The budget is that of all keys the files ever had; decryptions are counted key by key, earlier ones as used up.

    Raises:
        LimitExceeded: it is not covered; the refusal is in the log.
    """
    limit = ledger_limit(descriptor)
    spent = context.journal.units_spent(context.journal.line(registration.dataset_id))
    used = descriptor.prior_decryptions + context.journal.releases(registration.dataset_id)
    if spent + units > limit.units or used + releases > limit.releases:
        refused = entry(
            "key:use",
            registration.tenant,
            outcome=Outcome.DENIED,
            dataset_id=registration.dataset_id,
            details={"code": LimitExceeded.code, "units": str(units), "spent": str(spent), "releases": used},
        )
        log_now(context, refused)
        raise LimitExceeded("the limits that the data's owner signed do not cover this")


@lru_cache(maxsize=64)
def _plan(descriptor: bytes, request: TrainingRequest) -> EncryptedPlan:
    return plan_for(parse_descriptor(descriptor), request)
