"""From facts and request to a plan: the list of algorithms, and the reading back of plans.

To add an algorithm: a package beside this file whose `plan.py` has a subclass of `EncryptedPlan` and a `make`, an entry
in `_MAKERS`, and one in `evaluation` for its circuit.
"""

from collections.abc import Callable
from typing import Final

from secure_ds.ckks.errors import PlanRefused
from secure_ds.data.descriptor import STATISTICS
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan, make_hidden_layer_plan
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan, make_least_squares_plan
from secure_ds.training.encrypted.logistic.plan import LogisticPlan, make_logistic_plan
from secure_ds.training.encrypted.plan import FORMAT, EncryptedPlan
from secure_ds.training.encrypted.request import PRIVATE, PlanRequest
from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan, make_softmax_plan

_MAKERS: Final[dict[str, Callable[[JobFacts, PlanRequest], EncryptedPlan]]] = {
    LogisticPlan.algorithm: make_logistic_plan,
    LeastSquaresPlan.algorithm: make_least_squares_plan,
    SoftmaxPlan.algorithm: make_softmax_plan,
    HiddenLayerPlan.algorithm: make_hidden_layer_plan,
}
ALGORITHMS: Final = tuple(_MAKERS)
_WITHOUT_NOISE: Final = (LeastSquaresPlan.algorithm,)


def make_plan(facts: JobFacts, request: PlanRequest) -> EncryptedPlan:
    """Plan a job, or say why there cannot be one.

    Raises:
        PlanRefused: from the circuit's planner, or `reason` ``out_of_range`` (a setting), ``above_limit`` (more than
            an owner ever allows), ``too_many_steps`` (more than the key may decrypt), ``noise_grid_too_coarse``,
            ``iterative_without_noise``, ``statistics_only``, ``unknown_algorithm``, ``wrong_number_of_classes``.
        InvalidPrivacyParameter, DeltaTooSmall: epsilon or delta cannot be accounted.
    """
    if request.release != PRIVATE and request.algorithm not in _WITHOUT_NOISE:
        raise PlanRefused(
            "iterative_without_noise",
            f"{request.algorithm} answers at every step, and without noise answers tell the records: nothing iterative"
            f" runs without it; the owner of the data may ask {', '.join(_WITHOUT_NOISE)} for exact statistics",
        )
    if facts.content == STATISTICS and (request.algorithm not in _WITHOUT_NOISE or request.release != PRIVATE):
        raise PlanRefused(
            "statistics_only",
            "this data set holds statistics that its owner computed, no records: they are good for a private model of"
            f" {', '.join(_WITHOUT_NOISE)} and nothing else",
        )
    if request.algorithm not in _MAKERS:
        raise PlanRefused("unknown_algorithm", f"algorithm must be one of {', '.join(ALGORITHMS)}")
    return _MAKERS[request.algorithm](facts, request)


def plan_from_json(value: object) -> EncryptedPlan:
    """Read what `EncryptedPlan.to_json` wrote, by planning again.

    Raises:
        PlanRefused: not a plan, or not what planning from its inputs gives (``"not_reproducible"``).
    """
    try:
        if not isinstance(value, dict):
            raise TypeError("not an object")
        plan = make_plan(JobFacts.from_json(value["facts"]), PlanRequest(**value["request"]))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError) as error:
        raise PlanRefused("not_a_plan", f"not a plan in the form {FORMAT}: {error}") from error
    if plan.to_json() != value:
        raise PlanRefused("not_reproducible", "the plan is not what its inputs give; make it with make_plan")
    return plan
