"""Take back what an ended sealed job did not use, on the signed word of its trainer; once.

The trainer is the only one who knows what left it. Its signing key was named when it was given the data key, so a
worker cannot hand back steps that were used. A job whose keys several trainers were given gets nothing back: the last
one does not know what the others released, and a worker could have started it for that. After a settlement the job is
given no keys any more.
"""

from typing import Any

from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import SettlementRejected
from secure_ds.custodian.sealed.held import held_sealed
from secure_ds.custodian.sealed.journal import SealedCharge, SealedJournal, SettlementRecord, write_settlement
from secure_ds.jobs.settlement import Settlement, read_settlement, signature_holds
from secure_ds.wire.sealed import Settled, SettleSealed


def settle_sealed(context: CustodianContext, message: SettleSealed) -> Settled:
    """Write down how many steps of a job stay charged; the same statement again changes nothing.

    Raises:
        SettlementRejected: it is not signed by the newest trainer of the job, there were several, it is about another
            plan, says more steps than the plan has, or the job was settled with another number.
    """
    settlement = _read(message)
    charges = _require_signed(context, settlement, message)
    known = SealedJournal(context.journal).settlement(settlement.job_id)
    if known is None:
        _write_down(context, settlement, message, charges)
    elif known.statement != message.statement:
        raise SettlementRejected("this job was settled already")
    deliver(context)
    return Settled(job_id=settlement.job_id, steps_charged=settlement.steps_spent)


def _read(message: SettleSealed) -> Settlement:
    try:
        return read_settlement(message.statement)
    except ValueError:
        raise SettlementRejected("the statement is not a settlement") from None


def _require_signed(context: CustodianContext, settlement: Settlement, message: SettleSealed) -> list[SealedCharge]:
    journal = SealedJournal(context.journal)
    sessions, charges = journal.sessions(settlement.job_id), journal.charges(settlement.job_id)
    newest = sessions[-1] if sessions else None
    if (
        newest is None
        or settlement.session_key != newest.session_key
        or not signature_holds(message.statement, message.signature, newest.signing_key)
    ):
        raise SettlementRejected("the statement is not signed by the newest trainer of this job")
    if context.journal.certificate(settlement.job_id) is not None:
        raise SettlementRejected("the job's model is certified: it has used its whole plan")
    if len(sessions) > 1:
        raise SettlementRejected("several trainers were given this job's keys; none knows what the others released")
    if any(charge.plan_digest != settlement.plan_digest or charge.steps < settlement.steps_spent for charge in charges):
        raise SettlementRejected("the statement does not follow from the plan that the job was charged for")
    return charges


def _write_down(
    context: CustodianContext, settlement: Settlement, message: SettleSealed, charges: list[SealedCharge]
) -> None:
    record = SettlementRecord(settlement.job_id, settlement.steps_spent, message.statement, message.signature)
    drafts = [_entry(context, settlement, charge) for charge in charges]
    with context.journal.append() as page:
        write_settlement(page, record)
        for event_id, draft in drafts:
            page.announce(event_id, draft)


def _entry(context: CustodianContext, settlement: Settlement, charge: SealedCharge) -> tuple[str, dict[str, Any]]:
    event_id = f"key:settle/{settlement.job_id}/{charge.dataset_id}"
    draft = entry(
        "key:settle",
        held_sealed(context, charge.dataset_id).registration.tenant,
        dataset_id=charge.dataset_id,
        job_id=settlement.job_id,
        details={"steps_charged": charge.steps, "steps_spent": settlement.steps_spent},
        event_id=event_id,
    )
    return event_id, as_json(draft)
