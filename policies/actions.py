"""Everything that can be asked of the service, one alphabetised enum.

An action is `resource:verb`. The schema gives each the principals and the one kind of resource it fits; an action
missing there can never be allowed, and a test holds the two in step.
"""

from enum import StrEnum


class Action(StrEnum):
    """What a principal wants to do. Values are stable: they are stored in the audit log."""

    AUDIT_CHECKPOINT = "audit:checkpoint"
    AUDIT_EXPORT = "audit:export"
    AUDIT_PROVE = "audit:prove"
    AUDIT_QUERY = "audit:query"
    AUDIT_SIGN_CHECKPOINT = "audit:sign_checkpoint"
    """The worker asks the custodian to sign a new checkpoint."""
    COLLABORATION_CREATE = "collaboration:create"
    COLLABORATION_JOIN = "collaboration:join"
    """A data owner lets a data set of theirs take part."""
    COLLABORATION_LIST = "collaboration:list"
    COLLABORATION_READ = "collaboration:read"
    COLLABORATION_WITHDRAW = "collaboration:withdraw"
    """A data owner takes that consent back."""
    DATASET_CREATE = "dataset:create"
    DATASET_DOWNLOAD = "dataset:download"
    """Fetch ciphertext blobs back, for a recheck."""
    DATASET_LIST = "dataset:list"
    DATASET_READ = "dataset:read"
    DATASET_READ_BUDGET = "dataset:read_budget"
    DATASET_ROTATE = "dataset:rotate"
    """Give a data set's files to a successor with another secret key; its own answers nothing more."""
    DATASET_UPLOAD = "dataset:upload"
    JOB_ADMIT = "job:admit"
    """Asked again inside the admission transaction, with the budget that is left."""
    JOB_CANCEL = "job:cancel"
    JOB_CERTIFY = "job:certify"
    """The worker asks the custodian to sign the certificate of a job's model."""
    JOB_LIST = "job:list"
    JOB_READ = "job:read"
    JOB_READ_STEPS = "job:read_steps"
    JOB_SUBMIT = "job:submit"
    KEY_CHECK = "key:check"
    """The worker asks the custodian to open the norm check of an upload."""
    KEY_LIST = "key:list"
    KEY_USE = "key:use"
    """The worker asks the custodian for the noisy answer of a step."""
    MODEL_DOWNLOAD = "model:download"
    MODEL_LIST = "model:list"
    MODEL_READ = "model:read"
    POLICY_EXPLAIN = "policy:explain"
    POLICY_READ = "policy:read"
    QUOTE_CREATE = "quote:create"
