"""Consent to one job: signed, stored nowhere, shown again at every step.

The custodian recomputes the plan from the descriptors it holds and the request. Noise, scale and charges are therefore
never taken from a caller, here or later.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from hsm.errors import EnvelopeRejected
from policies.actions import Action
from secure_ds.ckks.errors import PlanRefused
from secure_ds.custodian.confirmation import require_evaluators
from secure_ds.custodian.consents import require_consents
from secure_ds.custodian.context import CustodianContext, ask_policy
from secure_ds.custodian.errors import (
    DataMismatch,
    GrantInvalid,
    LimitExceeded,
    NotTheOwner,
    NotVerified,
    PlanMismatch,
)
from secure_ds.custodian.facts import key_facts
from secure_ds.custodian.held_keys import Holding, held_keys, log_refused_use, norms_passed, require_not_rotated
from secure_ds.custodian.keyring import GRANTS
from secure_ds.data.descriptor import parse_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.planning import ledger_limit, plan_for
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.wire.custodian import Grant, GrantRequest
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest

PAYLOAD_TYPE = "application/vnd.secure-ds.grant+json"


def grant(context: CustodianContext, message: GrantRequest) -> Grant:
    """Consent to a job, if its plan is right and the limits of every data set's owner would cover all of it.

    Raises:
        KeyUnknown, KeyRotated, DataMismatch, NotVerified, PlanMismatch, EvaluatorsMissing, NotTheOwner,
        ConsentMissing, LimitExceeded, PolicyRefused.
    """
    holdings = holdings_of_job(context, message)
    require_not_rotated(context, holdings)
    if not all(norms_passed(context, held.descriptor) for held in holdings):
        raise NotVerified("the data set has not passed the norm check")
    plan = plan_of_job(context, holdings, message)
    require_evaluators(context, plan)
    if plan.recipient is not None and message.submitter.id != holdings[0].registration.owner:
        raise NotTheOwner("statistics without noise are for the owner of the data set alone")
    require_allowed(context, holdings, message)
    require_within_limits(context, holdings, sum(plan.charges), plan.steps)
    payload = message.model_dump_json().encode()
    envelope = context.keyring.sign(GRANTS, payload, PAYLOAD_TYPE)
    return Grant(envelope=Envelope.model_validate_json(envelope))


def open_grant(
    context: CustodianContext, envelope: Envelope, job_id: str, payload_type: str = PAYLOAD_TYPE
) -> GrantRequest:
    """Return what this custodian consented to, of the kind that `payload_type` says.

    Raises:
        GrantInvalid: it did not sign this, or not for this job.
    """
    try:
        payload = context.keyring.verify(GRANTS, envelope.model_dump_json().encode(), payload_type)
        granted = GrantRequest.model_validate_json(payload)
    except (EnvelopeRejected, ValidationError):
        raise GrantInvalid("the grant is not one this custodian signed") from None
    if granted.job_id != job_id:
        raise GrantInvalid("the grant belongs to another job")
    return granted


def holdings_of_job(context: CustodianContext, granted: GrantRequest) -> tuple[Holding, ...]:
    """Return the job's data sets: one with a key of its own, or several under the key of the collaboration it names.

    Raises:
        KeyUnknown: one is not in custody.
        DataMismatch: they are not those that the request speaks of, or are not under one key.
    """
    holdings = held_keys(context, granted.dataset_ids)
    request, found = granted.request, [held.registration.dataset_id for held in holdings]
    named = request.dataset_ids if request.dataset_id is None else [request.dataset_id]
    if found != granted.dataset_ids or (named is not None and found != sorted(set(named))):
        raise DataMismatch("the data sets of the job are not those that the request names")
    if {held.registration.collaboration_id for held in holdings} != {request.collaboration_id}:
        raise DataMismatch("the data sets are not under the key that the request speaks of")
    return holdings


def require_allowed(
    context: CustodianContext, holdings: Sequence[Holding], granted: GrantRequest
) -> tuple[dict[str, Any], ...]:
    """Ask for consent and policy of every data set; return the decisions' records, in the order of the data sets.

    Raises:
        ConsentMissing, PolicyRefused: one of them does not allow it; the refusal is in the log.
    """
    require_consents(context, holdings, granted.job_id)
    return tuple(
        ask_policy(
            context,
            Action.KEY_USE,
            key_facts(context, held),
            tenant=granted.submitter.tenant,
            purpose=granted.request.purpose,
            collaboration=granted.request.collaboration_id,
        )
        for held in holdings
    )


def plan_of_job(context: CustodianContext, holdings: Sequence[Holding], granted: GrantRequest) -> EncryptedPlan:
    """Return the plan that follows from descriptors and request: the one named, and the one the job began with.

    Else a job could be answered under a dear plan and certified under a cheap one.

    Raises:
        PlanMismatch: it is another, or there is none.
    """
    try:
        plan = _plan(tuple(held.descriptor.canonical for held in holdings), granted.request.model_dump_json())
    except (PlanRefused, PrivacyError) as error:
        raise PlanMismatch(str(error)) from error
    if plan.digest != granted.plan_digest:
        raise PlanMismatch("the plan is not the one that follows from the descriptors and the request")
    if any(spend.plan_digest != plan.digest for spend in context.journal.spends(granted.job_id)):
        raise PlanMismatch("the job began under another plan")
    return plan


def require_within_limits(
    context: CustodianContext, holdings: Sequence[Holding], units: int, releases: int, job_id: str | None = None
) -> None:
    """Hold a cost against what the owner of each data set signed, by the custodian's own journal.

    The budget is that of all keys the files ever had; decryptions are counted key by key, earlier ones as used up.

    Raises:
        LimitExceeded: it is not covered; the refusal is in the log, with its figures in that of the owner's tenant.
    """
    for held in holdings:
        registration, limit = held.registration, ledger_limit(held.descriptor)
        spent = context.journal.units_spent(context.journal.line(registration.dataset_id))
        used = held.descriptor.prior_decryptions + context.journal.releases_of_key(registration.key_id)
        if spent + units > limit.units or used + releases > limit.releases:
            figures = {"units": str(units), "spent": str(spent), "releases": used}
            _refuse_limit(context, holdings, held, figures, job_id)


def _refuse_limit(
    context: CustodianContext,
    holdings: Sequence[Holding],
    exceeded: Holding,
    figures: dict[str, Any],
    job_id: str | None,
) -> None:
    """Every tenant whose data is in the job hears whose limit it was; the figures are for that one alone."""
    dataset_id = exceeded.registration.dataset_id
    for held in holdings:
        details = {"code": LimitExceeded.code, **(figures if held is exceeded else {"exceeded_of": dataset_id})}
        log_refused_use(context, held, job_id, details)
    raise LimitExceeded(f"the limits that the owner of {dataset_id} signed do not cover this")


@lru_cache(maxsize=64)
def _plan(descriptors: tuple[bytes, ...], request: str) -> EncryptedPlan:
    parsed = [parse_descriptor(descriptor) for descriptor in descriptors]
    return plan_for(parsed, TrainingRequest.model_validate_json(request))
