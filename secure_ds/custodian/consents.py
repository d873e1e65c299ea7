"""Consents to collaborations, by the custodian's own record: what every answer of a joint job is held against.

Rules: the owner's signature is verified when a consent comes and again whenever it is acted upon; a consent is never
undone by an older one (they are numbered by their owner); whoever gave one gets a signed receipt, so that a service
that keeps a withdrawal to itself is found out at once.
"""

from collections.abc import Sequence

from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import ConsentMissing, ConsentRejected
from secure_ds.custodian.groups import held_group
from secure_ds.custodian.held_keys import Holding, held_key, log_refused_use
from secure_ds.custodian.journal import ConsentRecord
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.data.consent import JOINED, RECEIPT_TYPE, Consent, open_consent, receipt_of
from secure_ds.data.errors import DataError
from secure_ds.wire.custodian import ConsentMessage, ConsentReceipt
from secure_ds.wire.datasets import Envelope


def take_consent(context: CustodianContext, message: ConsentMessage) -> ConsentReceipt:
    """Write a consent down and act by it from now on; the same again is answered alike.

    Raises:
        KeyUnknown: the data set is not registered.
        ConsentRejected: it is not the owner's, not about this data set and its collaboration, or an old one.
    """
    held = held_key(context, message.dataset_id)
    envelope = message.envelope.model_dump_json().encode()
    consent = _opened(context, held, envelope)
    known = context.journal.consent(message.dataset_id)
    if known is None or known.number < consent.number:
        _write_down(context, held, consent, envelope)
    elif known.number != consent.number or _opened(context, held, known.envelope) != consent:
        raise ConsentRejected("a later consent of this data set holds; number a new one higher")
    deliver(context)
    receipt = context.keyring.sign(CERTIFICATES, receipt_of(consent), RECEIPT_TYPE)
    return ConsentReceipt(envelope=Envelope.model_validate_json(receipt))


def consent_that_holds(context: CustodianContext, held: Holding) -> tuple[Consent, bytes] | None:
    """Return the consent by which a data set takes part now, with its envelope; None where it does not."""
    record = context.journal.consent(held.registration.dataset_id)
    if record is None:
        return None
    consent = _opened(context, held, record.envelope)
    return (consent, record.envelope) if consent.verdict == JOINED else None


def partners(context: CustodianContext, held: Holding) -> frozenset[str]:
    """Return the tenants that may train on a data set now: the members while the owner's consent holds, else none."""
    collaboration_id = held.registration.collaboration_id
    if collaboration_id is None or consent_that_holds(context, held) is None:
        return frozenset()
    return frozenset(held_group(context, collaboration_id)[1].terms.tenants)


def require_consents(context: CustodianContext, holdings: Sequence[Holding], job_id: str) -> None:
    """Make sure that every data set of a joint job takes part at this moment.

    Raises:
        ConsentMissing: one does not; the refusal is in the log of every tenant whose data is in the job.
    """
    for held in holdings:
        if held.registration.collaboration_id is not None and consent_that_holds(context, held) is None:
            _refuse(context, holdings, held, job_id)


def _refuse(context: CustodianContext, holdings: Sequence[Holding], missing: Holding, job_id: str) -> None:
    dataset_id = missing.registration.dataset_id
    for held in holdings:
        log_refused_use(context, held, job_id, {"code": ConsentMissing.code, "missing_of": dataset_id})
    raise ConsentMissing(f"the owner of {dataset_id} does not, or no longer, consent to the collaboration")


def _opened(context: CustodianContext, held: Holding, envelope: bytes) -> Consent:
    """A consent of this very data set, to this very collaboration, by the key that the terms name for its tenant."""
    descriptor, group = held.descriptor, held.descriptor.group
    if group is None:
        raise ConsentRejected("the data set is under a key of its own; it cannot take part in a collaboration")
    _, statement = held_group(context, group.collaboration_id)
    named = statement.terms.upload_key_of(descriptor.tenant)
    if named is None:
        raise ConsentRejected("the data set's tenant is no member of the collaboration")
    try:
        consent = open_consent(envelope, named)
    except DataError as error:
        raise ConsentRejected(str(error)) from error
    about = (consent.dataset_id, consent.descriptor_digest, consent.collaboration_id, consent.statement_digest)
    if about != (descriptor.dataset_id, descriptor.digest, group.collaboration_id, group.statement_digest):
        raise ConsentRejected("the consent is about another data set, or another collaboration")
    return consent


def _write_down(context: CustodianContext, held: Holding, consent: Consent, envelope: bytes) -> None:
    event_id = f"key:consent/{consent.dataset_id}/{consent.number}"
    draft = entry(
        "key:consent",
        held.registration.tenant,
        dataset_id=consent.dataset_id,
        object_id=consent.collaboration_id,
        details={"verdict": consent.verdict, "number": consent.number, "consent": digest_bytes(consent.canonical)},
        event_id=event_id,
    )
    with context.journal.append() as page:
        page.consented(ConsentRecord(consent.dataset_id, consent.number, envelope))
        page.announce(event_id, as_json(draft))
