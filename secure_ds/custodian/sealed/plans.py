"""The plan of a sealed job, recomputed from what its data set's owner signed: never taken from a caller."""

from functools import lru_cache

from secure_ds.custodian.errors import PlanMismatch
from secure_ds.custodian.sealed.held import SealedHolding
from secure_ds.data.sealed.descriptor import parse_sealed_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.planning import dp_plan_for
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.custodian import GrantRequest
from secure_ds.wire.jobs import TrainingRequest


def plan_of_sealed_job(held: SealedHolding, granted: GrantRequest) -> DpPlan:
    """Return the plan that follows from descriptor and request, which is the one named.

    Raises:
        PlanMismatch: it is another, or there is none.
    """
    try:
        plan = _plan(held.descriptor.canonical, granted.request.model_dump_json())
    except PrivacyError as error:
        raise PlanMismatch(str(error)) from error
    if plan.digest != granted.plan_digest:
        raise PlanMismatch("the plan is not the one that follows from the descriptor and the request")
    return plan


@lru_cache(maxsize=64)
def _plan(descriptor: bytes, request: str) -> DpPlan:
    return dp_plan_for(parse_sealed_descriptor(descriptor), TrainingRequest.model_validate_json(request))
