"""Certify a model that a sealed job's own trainer signed for, after the plan that the keys were released for.

What the certificate says about privacy follows from the plan, computed again, and from the custodian's journal; what it
says of an audit is the trainer's word, signed with the key of its session. A lower bound on epsilon above the claim
blocks the certificate, and so the release. A job has one certificate; asking again returns the same bytes.
"""

import rfc8785

from policies.actions import Action
from policies.entities import Job
from secure_ds import __version__
from secure_ds.core.clock import timestamp
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.certificates import audit_evidence
from secure_ds.custodian.context import CustodianContext, as_json, ask_policy, deliver, entry
from secure_ds.custodian.errors import CertificateRefused
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.custodian.sealed.grants import holding_of_job, open_sealed_grant
from secure_ds.custodian.sealed.held import SealedHolding
from secure_ds.custodian.sealed.journal import SealedJournal, Session
from secure_ds.custodian.sealed.plans import plan_of_sealed_job
from secure_ds.jobs.sealed_model import ModelStatement, read_model_statement
from secure_ds.jobs.settlement import signature_holds
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.certificate import PAYLOAD_TYPE, STATEMENT_TYPE, Subject
from secure_ds.wire.custodian import Certificate, GrantRequest
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.sealed import SealedCertificateRequest
from secure_ds.wire.sealed_certificate import (
    SEALED_PREDICATE_TYPE,
    EvidenceClaim,
    SealedCustodyClaim,
    SealedDataClaim,
    SealedPredicate,
    SealedPrivacyClaim,
    SealedStatement,
)

TRUST = (
    "Towards the job's trainer: none; it opens the records in its memory, and is taken to follow the plan.",
    "Towards the job's worker: that it hands every trainer the newest checkpoint, and keeps no model but this one.",
    "Towards API, worker, database and blobs: records stay sealed (AES-256-GCM; HPKE to a key in the HSM).",
    "Towards the custodian: it can release the data key. Custodian and service under one operator can together read "
    "every record.",
    "Towards everybody else: differential privacy as stated here, for everything the job ever released.",
)
CONFIDENCE = 0.999 - 1e-9  # of the lower bound that can block a release


def certify_sealed(context: CustodianContext, message: SealedCertificateRequest) -> Certificate:
    """Return the model's certificate.

    Raises:
        CertificateRefused: the job's newest trainer did not sign for this model, an audit is missing or contradicts the
            claim, or the model's audit entry cannot be proven.
    """
    granted = open_sealed_grant(context, message.grant, message.job_id)
    if (known := context.journal.certificate(message.job_id)) is not None:
        deliver(context)
        return Certificate(envelope=Envelope.model_validate_json(known))
    held = holding_of_job(context, granted)
    plan = plan_of_sealed_job(held, granted)
    sessions = SealedJournal(context.journal).sessions(message.job_id)
    _require_charged(context, message.job_id, plan)
    said = _require_signed(message, plan, sessions)
    _require_evidence(plan, said)
    decision = ask_policy(context, Action.JOB_CERTIFY, _job(granted, held), tenant=granted.submitter.tenant)
    statement = _statement(context, message, granted, held, plan, said, sessions)
    payload = rfc8785.dumps(statement.model_dump(mode="json", by_alias=True))
    envelope = context.keyring.sign(CERTIFICATES, payload, PAYLOAD_TYPE)
    event_id = f"job:certify/{message.job_id}/{held.registration.dataset_id}"
    draft = entry(
        Action.JOB_CERTIFY,
        held.registration.tenant,
        decision=decision,
        dataset_id=held.registration.dataset_id,
        job_id=message.job_id,
        model_id=message.model_id,
        details={"weights": message.weights_digest, "statement": digest_bytes(payload)},
        event_id=event_id,
    )
    with context.journal.append() as page:
        page.certified(message.job_id, envelope)
        page.announce(event_id, as_json(draft))
    deliver(context)
    return Certificate(envelope=Envelope.model_validate_json(envelope))


def _require_signed(message: SealedCertificateRequest, plan: DpPlan, sessions: list[Session]) -> ModelStatement:
    """Return what the newest trainer says of this very model under this very plan."""
    try:
        said = read_model_statement(message.statement)
    except ValueError:
        raise CertificateRefused("the trainer's statement is malformed") from None
    newest = sessions[-1] if sessions else None
    expected = (message.job_id, plan.digest, message.weights_digest, newest and newest.session_key)
    if (
        newest is None
        or (said.job_id, said.plan_digest, said.weights, said.session_key) != expected
        or not signature_holds(message.statement, message.signature, newest.signing_key)
    ):
        raise CertificateRefused("the model is not one that the job's newest trainer signed for under this plan")
    return said


def _require_charged(context: CustodianContext, job_id: str, plan: DpPlan) -> None:
    """Refuse a job that was not charged for its whole plan, or got some of it back."""
    journal = SealedJournal(context.journal)
    charged = [(charge.plan_digest, charge.steps) for charge in journal.charges(job_id)]
    if charged != [(plan.digest, plan.steps)] or journal.settlement(job_id) is not None:
        raise CertificateRefused("the job was not charged for the whole of this plan")


def _require_evidence(plan: DpPlan, said: ModelStatement) -> None:
    asked, found = plan.request.canaries, said.evidence
    if (found is None) != (asked == 0) or (found is not None and found.canaries != asked):
        raise CertificateRefused("the audit that the plan asks for was not made")
    if found is not None and (found.confidence < CONFIDENCE or not found.correct <= found.guesses <= asked):
        raise CertificateRefused("the audit's figures do not fit together, or its confidence is too small")
    if found is not None and found.epsilon_lower_bound > plan.epsilon_after(plan.steps):
        raise CertificateRefused(
            f"the audit proves epsilon above {found.epsilon_lower_bound:.4g} at confidence {found.confidence:g}, more "
            "than the plan claims: something in the training is not as planned, and the model is not released"
        )


def _job(granted: GrantRequest, held: SealedHolding) -> Job:
    return Job(
        id=granted.job_id,
        tenant=granted.submitter.tenant,
        data_owners=frozenset({held.registration.owner}),
        submitter=granted.submitter.id,
        partners=frozenset({held.registration.tenant}) - {granted.submitter.tenant},
    )


def _statement(
    context: CustodianContext,
    message: SealedCertificateRequest,
    granted: GrantRequest,
    held: SealedHolding,
    plan: DpPlan,
    said: ModelStatement,
    sessions: list[Session],
) -> SealedStatement:
    predicate = SealedPredicate(
        job_id=message.job_id,
        purpose=granted.request.purpose,
        algorithm=granted.request.algorithm,
        plan=plan.to_json(),
        plan_digest=plan.digest,
        data=[_data_claim(held)],
        privacy=_privacy_claim(plan),
        evidence=None if said.evidence is None else EvidenceClaim(**said.evidence.model_dump()),
        custody=SealedCustodyClaim(
            keystore=context.keyring.public_keys().keystore,
            sessions=[session.signing_key for session in sessions],
        ),
        trust=list(TRUST),
        code_version=__version__,
        policy_version=context.policy.policy_version,
        audit=audit_evidence(context, message),
        issued_at=timestamp(context.clock.now()),
    )
    subject = Subject(name=message.model_id, digest={"sha256": message.weights_digest.removeprefix("sha256:")})
    return SealedStatement(
        _type=STATEMENT_TYPE, subject=[subject], predicateType=SEALED_PREDICATE_TYPE, predicate=predicate
    )


def _data_claim(held: SealedHolding) -> SealedDataClaim:
    registration, descriptor = held
    return SealedDataClaim(
        id=descriptor.dataset_id,
        tenant=registration.tenant,
        descriptor_digest=descriptor.digest,
        n_rows=descriptor.n_rows,
        n_units=descriptor.n_units,
        unit=descriptor.records.unit,
        records=descriptor.records.to_json(),
        upload_key=descriptor.upload_key,
        limit_epsilon=descriptor.limits.epsilon,
        limit_delta=descriptor.limits.delta,
    )


def _privacy_claim(plan: DpPlan) -> SealedPrivacyClaim:
    return SealedPrivacyClaim(
        epsilon=plan.epsilon_after(plan.steps),
        delta=plan.request.delta,
        bounds=plan.epsilons,
        neighbours=plan.neighbours,
        unit=plan.unit,
        event=plan.event.to_json(),
        steps_released=plan.steps,
    )
