"""The plan of a sealed job, recomputed from what its data set's owner signed: never taken from a caller."""

from functools import lru_cache
from typing import Protocol

from secure_ds.custodian.errors import PlanMismatch
from secure_ds.custodian.sealed.held import SealedHolding
from secure_ds.data.sealed.descriptor import SealedDescriptor, parse_sealed_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.wire.custodian import GrantRequest
from secure_ds.wire.jobs import TrainingRequest


class SealedPlan(Protocol):
    """What the custodian needs to know of a plan; see `secure_ds.training.dp.plan`."""

    @property
    def digest(self) -> str: ...
    @property
    def steps(self) -> int: ...
    @property
    def step_cost(self) -> tuple[int, ...]: ...


def dp_plan_for(descriptor: SealedDescriptor, request: TrainingRequest) -> SealedPlan:
    """Stands where `secure_ds.services.planning.dp_plan_for` will be imported."""
    raise NotImplementedError


def plan_of_sealed_job(held: SealedHolding, granted: GrantRequest) -> SealedPlan:
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
def _plan(descriptor: bytes, request: str) -> SealedPlan:
    return dp_plan_for(parse_sealed_descriptor(descriptor), TrainingRequest.model_validate_json(request))
