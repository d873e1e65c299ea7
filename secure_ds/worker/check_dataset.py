"""The upload check of a data set: every block's norms and labels, decided by the custodian."""

from base64 import b64encode

from secure_ds.ckks.errors import CkksError
from secure_ds.ckks.norm_check import norm_check_ciphertexts
from secure_ds.data.descriptor import STATISTICS
from secure_ds.data.errors import DataError
from secure_ds.data.signed import open_own_descriptor
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.planning import norm_plan_for
from secure_ds.services.run_job import Task, ask_for_norms, settle_dataset
from secure_ds.store.blobs import BlobError
from secure_ds.worker.blobs import stored_blocks

NOT_NORMALISED = (
    "norm_check_failed",
    "a record of block {block} is not normalised, its label is not 0 or 1, or a column is not where the descriptor "
    "says, or was encrypted under another key",
)


def check_dataset(context: ServiceContext, task: Task) -> None:
    """Check block after block and settle the data set: ready, or refused at the first block that fails."""
    try:
        refusal = _first_failure(context, task)
    except (CkksError, CustodyRefused, DataError, BlobError) as error:
        refusal = ("check_impossible", f"the upload check could not be carried out: {error}")
    settle_dataset(context, task, refusal)


def _first_failure(context: ServiceContext, task: Task) -> tuple[str, str] | None:
    descriptor = open_own_descriptor(task.dataset.envelope)
    if descriptor.content == STATISTICS:
        return None  # nothing but their form could be checked, and was when they arrived
    plan = norm_plan_for(descriptor)
    stored = stored_blocks(context, descriptor)
    engine = stored.engine()
    for block in range(descriptor.n_blocks):
        found = norm_check_ciphertexts(engine, plan, stored.features_and_slack(block), stored.labels(block))
        norms, labels = (b64encode(part).decode() for part in (found.norms, found.labels))
        if not ask_for_norms(context, task, block, norms, labels):
            code, detail = NOT_NORMALISED
            return code, detail.format(block=block)
    return None
