"""Ask for a network to be applied to ciphertexts under the caller's own key.

The plan is proven again here, on bounds and without the homomorphic library, so that a circuit which could overflow is
refused before a byte of it is uploaded. It also says how long each file is and what every word of its header must be.
"""

from typing import Any, Final

from policies.actions import Action
from secure_ds.ckks.errors import CkksError
from secure_ds.ckks.network_files import read_network
from secure_ds.ckks.network_planner import NetworkPlan, plan_from_json
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller
from secure_ds.jobs.prediction import INPUT, KEY, PredictionState
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import PredictionRefused
from secure_ds.services.facts import network_facts, prediction_facts
from secure_ds.services.gate import Subject, decide, permit, record, verb
from secure_ds.services.idempotency import Idempotency
from secure_ds.services.lookups import find_network, find_prediction
from secure_ds.services.views import prediction_view
from secure_ds.store.rows import NetworkRow, PredictionFileRow, PredictionRow
from secure_ds.wire.predictions import PredictionCreate, PredictionView

MAX_INPUT_BYTES: Final = 2 * 2**30
"""Of all inputs of one prediction: the worker holds them together in memory, some three times over."""


@verb(Action.PREDICTION_CREATE)
def request_prediction(
    context: ServiceContext, caller: Caller, body: PredictionCreate, idempotency_key: str | None
) -> PredictionView:
    """Announce a prediction's files; when the last one has arrived it is queued.

    Raises:
        PredictionRefused: the plan does not hold for the network, or the files are not those that it needs.
    """
    with context.store.read() as work:
        network = find_network(work, body.network_id)
        decision = decide(context, caller, Action.PREDICTION_CREATE, network_facts(network))
    plan = _proven(network, body)
    once = Idempotency(caller, idempotency_key, body)
    with context.store.write() as work:
        answered = once.answered(work, PredictionView)
        if answered is None:
            row = _row(caller, body, network, work.now)
            work.predictions.add(row, _files(body, plan))
        subject = Subject(object_id=answered.id if answered else row.id)
        details: dict[str, Any] = {
            "network": network.digest,
            "records": body.n_records,
            "repeated": answered is not None,
        }
        record(work, caller, Action.PREDICTION_CREATE, subject, decision, details=details)
        return answered or once.remember(work, prediction_view(work, row), status=201)


@verb(Action.PREDICTION_READ)
def show_prediction(context: ServiceContext, caller: Caller, prediction_id: str) -> PredictionView:
    """Return how far a prediction is."""
    with context.store.write() as work:
        row = find_prediction(work, prediction_id)
        permit(context, work, caller, Action.PREDICTION_READ, prediction_facts(row), Subject(object_id=row.id))
        return prediction_view(work, row)


def _proven(network: NetworkRow, body: PredictionCreate) -> NetworkPlan:
    asked_of = read_network(network.file)
    if len(body.inputs) != asked_of.n_inputs:  # before the proof, which takes longer
        raise PredictionRefused(f"this network takes {asked_of.n_inputs} input files")
    try:
        plan = plan_from_json(body.plan, asked_of)
    except CkksError as error:
        raise PredictionRefused(str(error), remedy="plan again for this network with plan_network") from error
    if body.n_records > plan.batch:
        raise PredictionRefused(f"this plan takes {plan.batch} records at most")
    if plan.n_inputs * plan.input_bytes > MAX_INPUT_BYTES:
        raise PredictionRefused(
            f"the inputs would have {plan.n_inputs * plan.input_bytes} bytes, {MAX_INPUT_BYTES} at most",
            remedy="take a smaller ring: allow a larger error, or fewer layers",
        )
    if len({body.key, *body.inputs}) != len(body.inputs) + 1:
        raise PredictionRefused(
            "every file must be another one: two equal ciphertexts tell that their contents are equal"
        )
    return plan


def _row(caller: Caller, body: PredictionCreate, network: NetworkRow, now: Any) -> PredictionRow:
    return PredictionRow(
        id=new_id("pred"),
        tenant=caller.principal.tenant,
        network_id=network.id,
        submitter=caller.principal.id,
        state=PredictionState.UPLOADING,
        plan=body.plan,
        n_records=body.n_records,
        created_at=now,
    )


def _files(body: PredictionCreate, plan: NetworkPlan) -> list[PredictionFileRow]:
    key = PredictionFileRow(body.key, KEY, 0, plan.key_bytes)
    inputs = [PredictionFileRow(digest, INPUT, place, plan.input_bytes) for place, digest in enumerate(body.inputs)]
    return [key, *inputs]
