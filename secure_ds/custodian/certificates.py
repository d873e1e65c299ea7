"""Certify a model: only one that is exactly what the plan and this custodian's own answers make.

What the certificate says about privacy comes from the custodian's journal and the owner-signed descriptor, not from
whoever asks. A job has one certificate; asking again returns the same bytes.
"""

import json
from collections.abc import Sequence
from typing import Any

import rfc8785

from audit.errors import NotCheckpointed, OutOfRange
from audit.export import entry_proof
from policies.actions import Action
from policies.entities import Job
from secure_ds import __version__
from secure_ds.core.clock import timestamp
from secure_ds.core.digest import digest_bytes
from secure_ds.core.evaluators import distinct
from secure_ds.custodian.checkpoints import checkpoint
from secure_ds.custodian.context import CustodianContext, as_json, ask_policy, deliver, entry
from secure_ds.custodian.errors import CertificateRefused
from secure_ds.custodian.grants import holdings_of_job, open_grant, plan_of_job
from secure_ds.custodian.groups import held_group
from secure_ds.custodian.held_keys import Holding
from secure_ds.custodian.journal import Confirmation, Page, Registration, Spend
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.data.consent import JOINED, open_consent
from secure_ds.data.descriptor import STATISTICS, DatasetDescriptor
from secure_ds.privacy.errors import DeltaTooSmall
from secure_ds.privacy.gdp import ACCOUNTANT, UNITS_PER_MU_SQUARED, epsilon_of
from secure_ds.privacy.mechanism import NEIGHBOURS
from secure_ds.training.encrypted.model_file import trained_model, write_model
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.wire.certificate import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    CustodyClaim,
    DataSetClaim,
    EvaluationClaim,
    LedgerEntry,
    Predicate,
    PrivacyClaim,
    SeveralClaim,
    Statement,
    Subject,
)
from secure_ds.wire.custodian import Certificate, CertificateRequest, GrantRequest
from secure_ds.wire.datasets import Envelope

SECURITY_TABLE = "HomomorphicEncryption.org Security Standard, 2018, table 1 (128 bits, ternary secret), 4 bits below"
TRUST = (
    "Towards the service's API and worker: records stay encrypted (CKKS, 128-bit security).",
    "Towards the custodian: none; it holds the key and learns the exact sums. Custodian and service under one operator "
    "can together read every record.",
    "Towards everybody else: differential privacy as stated here, for everything the job ever released.",
)
ONE_WORKER = (
    "The worker is taken to compute the honest circuit; any step can be recomputed with `secure-ds job recheck`."
)
TWO_WORKERS = (
    "Every step was evaluated alike by two workers, of different trust domains: {}. That the honest circuit was "
    "computed rests on their not acting together; any step can be recomputed with `secure-ds job recheck`."
)
TRUST_OF_A_COLLABORATION = (
    "Between the members: records of each stay encrypted towards every other, and what a member learns is the answers, "
    "which are differentially private. This supposes that none of them runs the custodian, or holds what it holds: a "
    "member that does can read the records of all.",
)


def certify(context: CustodianContext, message: CertificateRequest) -> Certificate:
    """Return the model's certificate.

    Raises:
        CertificateRefused: the model does not follow from the answers given, or its audit entry cannot be proven.
    """
    granted = open_grant(context, message.grant, message.job_id)
    if (known := context.journal.certificate(message.job_id)) is not None:
        deliver(context)
        return Certificate(envelope=Envelope.model_validate_json(known))
    holdings = holdings_of_job(context, granted)
    plan = plan_of_job(context, holdings, granted)
    if plan.recipient is not None:
        raise CertificateRefused("answers without noise make no model to certify")
    _require_own_model(context, message, plan, holdings[0].descriptor)
    decision = ask_policy(context, Action.JOB_CERTIFY, _job(granted, holdings), tenant=granted.submitter.tenant)
    statement = _statement(context, message, granted, holdings, plan)
    payload = rfc8785.dumps(statement.model_dump(mode="json", by_alias=True))
    envelope = context.keyring.sign(CERTIFICATES, payload, PAYLOAD_TYPE)
    with context.journal.append() as page:
        page.certified(message.job_id, envelope)
        for held in holdings:
            _announce(page, message, held.registration, decision, digest_bytes(payload))
    deliver(context)
    return Certificate(envelope=Envelope.model_validate_json(envelope))


def _announce(
    page: Page, message: CertificateRequest, registration: Registration, decision: dict[str, Any], statement: str
) -> None:
    event_id = f"job:certify/{message.job_id}/{registration.dataset_id}"
    draft = entry(
        Action.JOB_CERTIFY,
        registration.tenant,
        decision=decision,
        dataset_id=registration.dataset_id,
        job_id=message.job_id,
        model_id=message.model_id,
        details={"weights": message.weights_digest, "statement": statement},
        event_id=event_id,
    )
    page.announce(event_id, as_json(draft))


def _job(granted: GrantRequest, holdings: Sequence[Holding]) -> Job:
    tenants = frozenset(held.registration.tenant for held in holdings)
    return Job(
        id=granted.job_id,
        tenant=granted.submitter.tenant,
        data_owners=frozenset(held.registration.owner for held in holdings),
        submitter=granted.submitter.id,
        partners=tenants - {granted.submitter.tenant},
    )


def _require_own_model(
    context: CustodianContext, message: CertificateRequest, plan: EncryptedPlan, descriptor: DatasetDescriptor
) -> None:
    answers = context.journal.answers(message.job_id)
    if len(answers) != plan.steps:
        raise CertificateRefused(f"{len(answers)} of {plan.steps} steps have been answered")
    feature_map = descriptor.feature_map.model_dump(mode="json")
    model = write_model(trained_model(plan, answers, descriptor.classes, feature_map))
    if digest_bytes(model) != message.weights_digest:
        raise CertificateRefused("the model is not the one that follows from the answers given")


def _statement(
    context: CustodianContext,
    message: CertificateRequest,
    granted: GrantRequest,
    holdings: Sequence[Holding],
    plan: EncryptedPlan,
) -> Statement:
    confirmations = context.journal.confirmations(message.job_id)
    predicate = Predicate(
        job_id=message.job_id,
        purpose=granted.request.purpose,
        algorithm=granted.request.algorithm,
        collaboration=_collaboration(context, granted),
        plan=plan.to_json(),
        plan_digest=plan.digest,
        data=[_data_claim(context, held) for held in holdings],
        privacy=_privacy_claim(plan),
        custody=_custody_claim(context, holdings[0], plan),
        evaluation=evaluation_claim(plan, confirmations),
        ledger=_ledger(_spends_of_one(context, message.job_id, holdings[0]), confirmations),
        trust=[*TRUST, *(TRUST_OF_A_COLLABORATION if granted.request.collaboration_id else ())],
        code_version=__version__,
        policy_version=context.policy.policy_version,
        audit=audit_evidence(context, message),
        issued_at=timestamp(context.clock.now()),
    )
    subject = Subject(name=message.model_id, digest={"sha256": message.weights_digest.removeprefix("sha256:")})
    return Statement(_type=STATEMENT_TYPE, subject=[subject], predicateType=PREDICATE_TYPE, predicate=predicate)


def evaluation_claim(plan: EncryptedPlan, confirmations: Sequence[Confirmation]) -> EvaluationClaim:
    """What the custodian knows of who evaluated, and what has to be believed of it."""
    if not plan.dual_evaluation:
        return EvaluationClaim(dual=False, domains=[], statement=ONE_WORKER)
    domains = distinct(confirmation.domain for confirmation in confirmations)
    return EvaluationClaim(dual=True, domains=list(domains), statement=TWO_WORKERS.format(" and ".join(domains)))


def _ledger(spends: Sequence[Spend], confirmations: Sequence[Confirmation]) -> list[LedgerEntry]:
    attested: dict[int, list[str]] = {}
    for confirmation in confirmations:
        attested.setdefault(confirmation.step, []).append(confirmation.domain)
    return [
        LedgerEntry(
            step=spend.step,
            weights_digest=spend.weights_digest,
            ciphertext_digest=spend.ciphertext_digest,
            units=str(spend.units),
            attested_by=list(distinct(attested.get(spend.step, []))),
        )
        for spend in spends
    ]


def _spends_of_one(context: CustodianContext, job_id: str, held: Holding) -> list[Spend]:
    """What one data set of the job paid; every other one paid the same."""
    return [spend for spend in context.journal.spends(job_id) if spend.dataset_id == held.registration.dataset_id]


def _collaboration(context: CustodianContext, granted: GrantRequest) -> dict[str, Any] | None:
    if granted.request.collaboration_id is None:
        return None
    envelope: dict[str, Any] = json.loads(held_group(context, granted.request.collaboration_id)[0].envelope)
    return envelope


def _data_claim(context: CustodianContext, held: Holding) -> DataSetClaim:
    registration, descriptor = held
    rotation_key = context.journal.rotation_key(descriptor.dataset_id)
    return DataSetClaim(
        id=descriptor.dataset_id,
        tenant=registration.tenant,
        descriptor_digest=descriptor.digest,
        n_records=descriptor.n_records,
        n_features=descriptor.n_features,
        classes=list(descriptor.classes),
        feature_map=descriptor.feature_map.model_dump(mode="json"),
        upload_key=descriptor.upload_key,
        limit_epsilon=descriptor.limits.epsilon,
        limit_delta=descriptor.limits.delta,
        rotation_key=None if rotation_key is None else digest_bytes(rotation_key),
        consent=_consent_given(context, descriptor),
        norms="asserted" if descriptor.content == STATISTICS else "verified",
    )


def _consent_given(context: CustodianContext, descriptor: DatasetDescriptor) -> dict[str, Any] | None:
    """The consent under which the answers were given: a later withdrawal ends them, and takes none back."""
    for record in context.journal.consents(descriptor.dataset_id):
        if open_consent(record.envelope, descriptor.upload_key).verdict == JOINED:
            envelope: dict[str, Any] = json.loads(record.envelope)
            return envelope
    return None


def _privacy_claim(plan: EncryptedPlan) -> PrivacyClaim:
    units = sum(plan.charges)
    return PrivacyClaim(
        epsilon=plan.request.epsilon,
        delta=plan.request.delta,
        mu_squared=units / UNITS_PER_MU_SQUARED,
        neighbours=NEIGHBOURS,
        unit=plan.mechanism.unit,
        records_per_person=plan.facts.records_per_person,
        accountant=ACCOUNTANT,
        event=plan.mechanism.to_json(),
        persons_in_several=[
            SeveralClaim(data_sets=count, epsilon=_epsilon_of_several(plan, units, count))
            for count in range(2, max(2, len(plan.facts.parts)) + 1)
        ],
    )


def _epsilon_of_several(plan: EncryptedPlan, units: int, count: int) -> float | None:
    """Epsilon for somebody whose records count `count` times (mu that many times, and so is the distance to the ideal
    mechanism); None where none can be stated at this delta."""
    try:
        return epsilon_of(count**2 * units, plan.request.delta, count * plan.facts.distance)
    except DeltaTooSmall:
        return None


def _custody_claim(context: CustodianContext, held: Holding, plan: EncryptedPlan) -> CustodyClaim:
    return CustodyClaim(
        statistical_bits=plan.statistical_bits,
        max_decryptions=held.descriptor.limits.max_decryptions,
        prior_decryptions=held.descriptor.prior_decryptions,
        decryptions_used=context.journal.releases_of_key(held.registration.key_id),
        keystore=context.keyring.public_keys().keystore,
        security_table=SECURITY_TABLE,
    )


def audit_evidence(context: CustodianContext, message: CertificateRequest) -> dict[str, Any]:
    """Return the proof that the log has an entry about the model. Raises `CertificateRefused`: it has none."""
    checkpoint(context)
    try:
        with context.store.read() as work:
            recorded = work.audit.entry(message.entry_index).read().draft
            proof = entry_proof(work.audit, message.entry_index)
    except (OutOfRange, NotCheckpointed):
        raise CertificateRefused("the model's audit entry is not in the log") from None
    if recorded.job_id != message.job_id or recorded.model_id != message.model_id:
        raise CertificateRefused("the audit entry named is about something else")
    return proof
