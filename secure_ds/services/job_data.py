"""The data of a job: one data set, or those of a collaboration whose owners consent at this moment.

Rules: which data sets those are is read in the transaction that acts on it, so a consent that was withdrawn a moment
ago counts; the policies are asked about every one of them, with the attributes of the person who asks; what one of them
has left of its budget is shown to its own tenant alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from policies.actions import Action
from policies.entities import Dataset
from policies.request import Context
from policies.verdict import Decision
from policies.vocabulary import Door
from secure_ds.core.principal import Caller
from secure_ds.data.consent import JOINED
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import ConsentMissing, PlanInvalid, StateConflict
from secure_ds.services.facts import collaboration_facts, dataset_facts
from secure_ds.services.gate import decide
from secure_ds.services.lookups import find_collaboration, find_dataset
from secure_ds.store.rows import CollaborationRow, DatasetRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.jobs import SEALED, TrainingRequest

NOT_COVERED: Final = "the budget of {dataset}, which is another member's, does not cover the job"

_ENCRYPTED_ONLY: Final = ("dual_evaluation", "release", "momentum", "radius", "hidden_units")


@dataclass(frozen=True, slots=True)
class JobData:
    """The data sets of a job, in the order of their ids, and the collaboration that joins them, if one does."""

    datasets: tuple[DatasetRow, ...]
    collaboration: CollaborationRow | None

    @property
    def ids(self) -> list[str]:
        """Ids of the data sets, in order."""
        return [row.id for row in self.datasets]

    @property
    def collaboration_id(self) -> str | None:
        """Id of the collaboration."""
        return None if self.collaboration is None else self.collaboration.id

    def descriptors(self) -> list[DatasetDescriptor]:
        """What the owners signed, in the order of the data sets."""
        return [open_own_descriptor(row.envelope) for row in self.datasets]

    def facts(self, row: DatasetRow) -> Dataset:
        """A data set as the policies see it; here every consent holds."""
        return dataset_facts(row, frozenset() if self.collaboration is None else self.collaboration.members)


def data_of(
    context: ServiceContext,
    work: UnitOfWork,
    caller: Caller,
    request: TrainingRequest,
    only: Sequence[str] | None = None,
) -> JobData:
    """Return the data that a request is about, as it is in this transaction.

    Args:
        only: the data sets as they were resolved earlier; else those that the request names, or all that take part.

    Raises:
        NotFound: there is no such data set, or none that takes part, or no such collaboration.
        ConsentMissing: the owner of a data set that is named does not, or no longer, consent.
        StateConflict: no data set takes part that is ready.
        Denied: the collaboration is not the caller's to read about.
        PlanInvalid: records are sealed and the algorithm is for ciphertexts, or the other way round.
    """
    if request.collaboration_id is None:
        dataset = find_dataset(work, request.dataset_id or "")
        _require_same_way(dataset, request)
        return JobData((dataset,), None)
    row = find_collaboration(work, request.collaboration_id)
    decide(context, caller, Action.COLLABORATION_READ, collaboration_facts(row))
    consents = {consent.dataset_id: consent.verdict for consent in work.consents.of_collaboration(row.id)}
    joined = [dataset_id for dataset_id, verdict in consents.items() if verdict == JOINED]
    named = only if only is not None else request.dataset_ids
    if named is None:
        found = [
            dataset for dataset in map(work.datasets.get, joined) if dataset and dataset.state == DatasetState.READY
        ]
        return _some(found, row, request)
    for dataset_id in named:
        if dataset_id not in consents:
            find_dataset(work, "")  # whatever else it is, it has no part in this collaboration
        if dataset_id not in joined:
            raise ConsentMissing(f"the owner of {dataset_id} does not, or no longer, consent to the collaboration")
    return _some([find_dataset(work, dataset_id) for dataset_id in sorted(set(named))], row, request)


def decide_for_all(
    context: ServiceContext, caller: Caller, action: Action, data: JobData, body: TrainingRequest
) -> dict[str, Decision]:
    """Ask the policies at the edge about every data set; return the decisions by data set.

    Raises:
        Denied: one of them may not be used so.
    """
    circumstances = Context(
        door=Door.HTTP, purpose=body.purpose, collaboration=data.collaboration_id, release=body.release
    )
    return {row.id: decide(context, caller, action, data.facts(row), circumstances) for row in data.datasets}


def _require_same_way(dataset: DatasetRow, request: TrainingRequest) -> None:
    if request.sealed is not None and request.algorithm != SEALED:
        raise PlanInvalid(f"`sealed` has settings of {SEALED} alone", remedy=f"leave it out, or ask for {SEALED}")
    if dataset.is_sealed != (request.algorithm == SEALED):
        held = f"sealed: train with {SEALED}" if dataset.is_sealed else f"encrypted: {SEALED} needs a sealed data set"
        raise PlanInvalid(f"the records of this data set are {held}", remedy="choose another algorithm or data set")
    foreign = [name for name in _ENCRYPTED_ONLY if getattr(request, name) not in (None, False, "private")]
    if request.algorithm == SEALED and foreign:
        raise PlanInvalid(f"{SEALED} has no {', '.join(foreign)}", remedy="leave them out")


def _some(datasets: Sequence[DatasetRow], row: CollaborationRow, request: TrainingRequest) -> JobData:
    for dataset in datasets:
        _require_same_way(dataset, request)
    if not datasets:
        raise StateConflict("no data set that is ready takes part in this collaboration")
    return JobData(tuple(datasets), row)
