"""Statistics without noise, on the owner's machine: the key they are sealed to, and the model they make there.

The owner names the key when encrypting a data set; its private half never leaves the owner's machine. What is opened
with it says as much about the records as their sums of products do, and so does the model: neither is private.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.client.errors import ClientError
from secure_ds.core.private_keys import PrivateKeyUnusable, load_sealing_key, make_sealing_key
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.training.encrypted.least_squares.plan import OwnStatisticsPlan
from secure_ds.training.encrypted.least_squares.sealed import opened_answer
from secure_ds.training.encrypted.least_squares.twin import exact_weights
from secure_ds.training.encrypted.model_file import TrainedModel
from secure_ds.training.encrypted.plan import EncryptedPlan


class InvalidResultsKey(ClientError):
    """The key for results cannot be made, read or used."""

    code = "invalid_results_key"


class NotOwnStatistics(ClientError):
    """The job has no statistics that this key opens."""

    code = "not_own_statistics"


def results_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the key at `path`, or make one there.

    Raises:
        InvalidResultsKey: the file cannot be read or written, others may read it, or it holds another kind of key.
    """
    try:
        return load_sealing_key(path) if path.exists() else make_sealing_key(path)
    except PrivateKeyUnusable as error:
        raise InvalidResultsKey(str(error)) from None


def own_model(
    plan: EncryptedPlan,
    job_id: str,
    answer: Sequence[int],
    key: ec.EllipticCurvePrivateKey,
    descriptor: DatasetDescriptor,
) -> TrainedModel:
    """Open a job's exact statistics and solve them.

    Args:
        plan: the job's plan, computed again from its inputs.
        job_id: the job.
        answer: of its one step.
        key: the owner's results key.
        descriptor: of the data set.

    Raises:
        NotOwnStatistics: the job is another kind of job, or its answer was not sealed to this key.
    """
    if not isinstance(plan, OwnStatisticsPlan):
        raise NotOwnStatistics("the job did not ask for statistics without noise (`--release to_owner`)")
    try:
        units = opened_answer(plan, job_id, answer, key)
    except (InvalidTag, ValueError, OverflowError):
        raise NotOwnStatistics("the job's statistics are not sealed to this key") from None
    weights, feature_map = exact_weights(plan, units), descriptor.feature_map.model_dump(mode="json")
    return TrainedModel("linear", {"weights": weights}, descriptor.classes, feature_map, plan.digest)
