"""Sign the audit log's tree head, and never two that contradict each other.

The custodian keeps its own memory of the largest tree it signed. It signs a new one only with a proof that the new
extends the old, so a service that rewrites or cuts its log gets no further checkpoint.
"""

from audit.checkpoint import Checkpoint, require_growth, sign_checkpoint
from audit.errors import CheckpointConflict, OutOfRange
from policies.actions import Action
from policies.entities import AuditLog
from secure_ds.custodian.context import CustodianContext, ask_policy, entry, log_now
from secure_ds.custodian.errors import CheckpointRefused

SERVICE_TENANT = "service"


def checkpoint(context: CustodianContext) -> int:
    """Sign the present tree head, store the checkpoint, and return its size; the same head is not signed twice.

    Raises:
        CheckpointRefused: the tree does not extend the one signed before; logged.
    """
    last = context.journal.last_checkpoint()
    with context.store.read() as work:
        head = work.audit.next_checkpoint(context.origin)
    if last is not None and last == (head.size, head.root):
        _store_if_missing(context, head)
        return head.size
    log = AuditLog(id="audit", tenant=SERVICE_TENANT)
    ask_policy(context, Action.AUDIT_SIGN_CHECKPOINT, log, tenant=SERVICE_TENANT)
    if last is not None:
        _require_extension(context, Checkpoint(context.origin, *last), head)
    signed = sign_checkpoint(head, context.keyring.checkpoint_signer())
    with context.journal.append() as page:
        page.signed_checkpoint(head.size, head.root)
    with context.store.write() as work:
        work.audit.store_checkpoint(signed)
    return head.size


def _require_extension(context: CustodianContext, old: Checkpoint, new: Checkpoint) -> None:
    try:
        with context.store.read() as work:
            proof = work.audit.consistency_proof(old.size, new.size)
        require_growth(old, new, proof)
    except (CheckpointConflict, OutOfRange) as error:
        found = f"audit:rollback_found/{old.size}"  # said once, however often a checkpoint is asked for
        log_now(context, entry("audit:rollback_found", None, details={"signed_size": str(old.size)}, event_id=found))
        raise CheckpointRefused(
            f"the audit log does not extend the tree of {old.size} entries that was signed before"
        ) from error


def _store_if_missing(context: CustodianContext, head: Checkpoint) -> None:
    """Make good a crash between signing and storing."""
    with context.store.write() as work:
        note = work.audit.latest_checkpoint()
        if note is None or int(note.split("\n")[1]) < head.size:
            work.audit.store_checkpoint(sign_checkpoint(head, context.keyring.checkpoint_signer()))
