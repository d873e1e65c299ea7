"""Give consent for a data set, or take it back: the owner's signed act, with the custodian first.

The custodian has the consent before anybody else acts by it, so a withdrawal that is answered is in force: no further
step of any job is answered. Every member is told in its own log that a data set came or went, and nothing else of it.
"""

import json

from policies.actions import Action
from policies.verdict import Decision
from secure_ds.core.digest import digest_bytes
from secure_ds.core.principal import Caller
from secure_ds.data.consent import JOINED, Consent, open_consent
from secure_ds.data.errors import DataError
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.errors import InvalidConsent, StateConflict
from secure_ds.services.facts import dataset_facts
from secure_ds.services.gate import Subject, decide, record, verb
from secure_ds.services.lookups import find_collaboration, find_dataset
from secure_ds.store.rows import CollaborationRow, ConsentRow, DatasetRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.collaborations import ConsentGive, ConsentView
from secure_ds.wire.custodian import ConsentMessage
from secure_ds.wire.datasets import Envelope


@verb(Action.COLLABORATION_JOIN)
def join_collaboration(context: ServiceContext, caller: Caller, dataset_id: str, body: ConsentGive) -> ConsentView:
    """Let a data set of the caller's take part in the collaboration under whose key it is.

    Raises:
        InvalidConsent: what the envelope holds is not such a consent.
        StateConflict: the data set is not ready.
    """
    return _give(context, caller, Action.COLLABORATION_JOIN, dataset_id, body)


@verb(Action.COLLABORATION_WITHDRAW)
def withdraw_from_collaboration(
    context: ServiceContext, caller: Caller, dataset_id: str, body: ConsentGive
) -> ConsentView:
    """Take a consent back: running jobs stop at their next step, further ones are not admitted.

    Raises:
        InvalidConsent: what the envelope holds is not such a withdrawal.
    """
    return _give(context, caller, Action.COLLABORATION_WITHDRAW, dataset_id, body)


def _give(context: ServiceContext, caller: Caller, action: Action, dataset_id: str, body: ConsentGive) -> ConsentView:
    with context.store.read() as work:
        dataset = find_dataset(work, dataset_id)
        decision = decide(context, caller, action, dataset_facts(dataset))
        collaboration = find_collaboration(work, dataset.collaboration_id or "")
    envelope = json.dumps(body.envelope.model_dump()).encode()
    consent = _opened(dataset, envelope, joins=action == Action.COLLABORATION_JOIN)
    if consent.verdict == JOINED and dataset.state != DatasetState.READY:
        raise StateConflict(f"the data set is {dataset.state}; it can take part once it is ready")
    receipt = _hand_over(context, dataset, body.envelope)
    with context.store.write() as work:
        _write_down(work, caller, action, decision, collaboration, consent, envelope)
    return ConsentView(
        collaboration_id=collaboration.id,
        dataset_id=dataset.id,
        verdict=consent.verdict,
        number=consent.number,
        receipt=receipt,
    )


def _opened(dataset: DatasetRow, envelope: bytes, *, joins: bool) -> Consent:
    try:
        consent = open_consent(envelope, open_own_descriptor(dataset.envelope).upload_key)
    except DataError as error:
        raise InvalidConsent(str(error), remedy="sign it with the upload key of the data set") from error
    if consent.dataset_id != dataset.id or (consent.verdict == JOINED) != joins:
        raise InvalidConsent("this consent is about another data set, or says the opposite")
    return consent


def _hand_over(context: ServiceContext, dataset: DatasetRow, envelope: Envelope) -> Envelope:
    try:
        return context.custody.consent(ConsentMessage(dataset_id=dataset.id, envelope=envelope)).envelope
    except CustodyRefused as refused:
        raise InvalidConsent(refused.detail, remedy="number it one higher than the last") from refused


def _write_down(
    work: UnitOfWork,
    caller: Caller,
    action: Action,
    decision: Decision,
    collaboration: CollaborationRow,
    consent: Consent,
    envelope: bytes,
) -> None:
    """Keep the consent, once, and tell every member; its own tenant hears the whole of it."""
    known = work.consents.latest(consent.dataset_id)
    if known is None or known.number < consent.number:
        row = ConsentRow(
            dataset_id=consent.dataset_id,
            number=consent.number,
            collaboration_id=collaboration.id,
            verdict=consent.verdict,
            envelope=envelope,
            created_at=work.now,
        )
        work.consents.add(row)
        for member in sorted(collaboration.members - {caller.principal.tenant}):
            told = {"data_set": consent.dataset_id, "tenant": caller.principal.tenant, "verdict": consent.verdict}
            record(work, caller, action, Subject(object_id=collaboration.id), None, tenant=member, details=told)
    details = {"verdict": consent.verdict, "number": consent.number, "consent": digest_bytes(consent.canonical)}
    subject = Subject(dataset_id=consent.dataset_id, object_id=collaboration.id)
    record(work, caller, action, subject, decision, details=details)
