"""The job message: what the worker hands to a trainer, checked before anything is opened.

Byte strings come in this order: the sealed key of each data set, a sealed checkpoint if `checkpoint`, public records to
measure on (.npz with `inputs` and `targets`, as the model takes them) if `public_test`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secure_ds.data.sealed.descriptor import SealedDescriptor, parse_sealed_descriptor
from secure_ds.trainer.errors import PlanMismatch, ProtocolBroken
from secure_ds.training.dp.performance import Performance
from secure_ds.training.dp.plan import DpPlan, plan_from_json

Steps = Annotated[int, Field(ge=0, le=2**31)]


class _JobMessage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["job"]
    job_id: str
    fence: Annotated[int, Field(ge=0)]
    plan: dict[str, Any]
    descriptors: Annotated[list[str], Field(min_length=1, max_length=1)]  # a plan's facts are of one data set
    parts: Annotated[list[list[Path]], Field(min_length=1, max_length=1)]
    performance: dict[str, Any]
    checkpoint_every: Annotated[int, Field(ge=1)]
    steps_spent: Steps = 0
    checkpoint: bool = False
    public_test: bool = False


@dataclass(frozen=True, repr=False)
class PublicTest:
    """Records that their owner declared public."""

    inputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]


@dataclass(frozen=True, repr=False)
class Order:
    """One job, as a trainer carries it out.

    Attributes:
        job_id: the job.
        fence: of the lease under which this trainer runs.
        plan: what to do.
        descriptor: of the data set; its digest is in the plan.
        part_files: files of the container, in the descriptor's order.
        sealed_key: the data key, sealed to this trainer.
        performance: what changes speed alone.
        checkpoint_every: steps between checkpoints.
        steps_spent: steps that were paid for by earlier trainers of the job.
        checkpoint: sealed, where to go on from.
        public_test: what to measure on.
    """

    job_id: str
    fence: int
    plan: DpPlan
    descriptor: SealedDescriptor
    part_files: tuple[Path, ...]
    sealed_key: bytes
    performance: Performance
    checkpoint_every: int
    steps_spent: int
    checkpoint: bytes | None
    public_test: PublicTest | None


def read_order(message: dict[str, Any], blobs: list[bytes]) -> Order:
    """Read a job message.

    Raises:
        ProtocolBroken: it is malformed.
        PlanMismatch: plan and descriptor are not of one data set.
    """
    try:
        job = _JobMessage.model_validate(message)
        sealed_key, *rest = blobs
        checkpoint = rest.pop(0) if job.checkpoint else None
        public_test = _public_test(rest.pop(0)) if job.public_test else None
        if rest:
            raise ProtocolBroken("there are more byte strings than the message names")
        performance = Performance(**job.performance)
        if performance.engine == "ghost":
            raise ProtocolBroken("the ghost engine's norms may cancel: it is an oracle of tests, no engine of jobs")
    except (ValidationError, ValueError, IndexError, TypeError, KeyError):
        raise ProtocolBroken("the job message is malformed") from None
    plan, descriptor = plan_from_json(job.plan), parse_sealed_descriptor(job.descriptors[0].encode())
    _require_one_data_set(plan, descriptor)
    if len(job.parts[0]) != len(descriptor.parts):
        raise PlanMismatch("there must be one file for each part of the container")
    return Order(
        job_id=job.job_id,
        fence=job.fence,
        plan=plan,
        descriptor=descriptor,
        part_files=tuple(job.parts[0]),
        sealed_key=sealed_key,
        performance=performance,
        checkpoint_every=job.checkpoint_every,
        steps_spent=job.steps_spent,
        checkpoint=checkpoint,
        public_test=public_test,
    )


def _require_one_data_set(plan: DpPlan, descriptor: SealedDescriptor) -> None:
    facts = plan.facts
    planned = (facts.dataset_id, facts.descriptor_digest, facts.n_rows, facts.n_units, facts.rows_per_unit)
    described = (
        descriptor.dataset_id,
        descriptor.digest,
        descriptor.n_rows,
        descriptor.n_units,
        descriptor.rows_per_unit,
    )
    if planned != described:
        raise PlanMismatch("the plan was made for another data set than the descriptor's")


def _public_test(data: bytes) -> PublicTest:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return PublicTest(file["inputs"], file["targets"])
