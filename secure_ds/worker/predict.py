"""Apply a network to the ciphertexts of a prediction, with the caller's evaluation key."""

import time

from secure_ds.ckks.errors import CkksError, EvaluationRefused
from secure_ds.ckks.network_engine import NetworkEngine, evaluate
from secure_ds.ckks.network_files import read_network
from secure_ds.ckks.network_planner import plan_from_json
from secure_ds.jobs.prediction import INPUT, KEY
from secure_ds.services.context import ServiceContext
from secure_ds.services.run_prediction import PredictionTask, fail_prediction, settle_prediction
from secure_ds.store.blobs import BlobError


def predict(context: ServiceContext, task: PredictionTask) -> None:
    """Evaluate and settle; what cannot be evaluated fails with its reason.

    The plan is proven once more: a circuit that could overflow never runs.
    """
    try:
        outputs, seconds = _evaluate(context, task)
    except (CkksError, BlobError) as error:
        return fail_prediction(context, task, f"the network could not be evaluated: {error}")
    settle_prediction(context, task, outputs, seconds)


def _evaluate(context: ServiceContext, task: PredictionTask) -> tuple[list[bytes], float]:
    start = time.perf_counter()
    network = read_network(task.network.file)
    plan = plan_from_json(task.prediction.plan, network)
    (key,) = task.of_kind(KEY)
    engine = NetworkEngine(plan.parameters, task.read(context, key))
    inputs = (task.read(context, file) for file in task.of_kind(INPUT))  # one at a time: they are large
    try:
        outputs = evaluate(engine, network, plan, inputs)
    except RuntimeError:  # well-formed inputs of one seed can cancel: SEAL then throws rather than hide nothing
        raise EvaluationRefused("the ciphertexts cancel each other; encrypt each with randomness of its own") from None
    return outputs, time.perf_counter() - start
