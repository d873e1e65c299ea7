"""The statistics of a plan over the files of its data sets, in one process or several.

Rules kept here:
1. Ciphertexts are the same bytes for any number of processes: each is a pure function of files and plan.
2. A changed file stops the evaluation, in whatever process it is read.
"""

import json
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.process_pool import ProcessPool, Read
from secure_ds.ckks.statistics import StatisticsEvaluator
from secure_ds.ckks.uploaded_statistics import forwarded
from secure_ds.data.descriptor import STATISTICS, FileReference, parse_descriptor
from secure_ds.training.encrypted.blocks import EncryptedBlocks
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan, circuit_for

_START: Final = f"{__name__}:start"


class LeastSquaresEvaluator:
    """Evaluates the one step of a plan."""

    def __init__(self, plan: LeastSquaresPlan, parts: Sequence[EncryptedBlocks], processes: int = 1) -> None:
        """Prepare.

        Args:
            plan: the plan.
            parts: the files of its data sets, in the order of the plan's facts.
            processes: how many.
        """
        self.timings: dict[str, float] = {}
        self._plan, self._parts = plan, parts
        self._processes = processes

    def step(self, state: npt.NDArray[np.float64]) -> list[bytes]:
        """Return the ciphertexts of the statistics; the weights do not matter."""
        began = time.perf_counter()
        if self._plan.facts.content == STATISTICS:
            ciphertexts = self._forwarded()
        else:
            ciphertexts = self._alone() if self._processes == 1 else self._together()
        self.timings["statistics"] = time.perf_counter() - began
        return ciphertexts

    def _forwarded(self) -> list[bytes]:
        """Statistics that the owner uploaded go to the custodian as they are."""
        (part,), circuit = self._parts, self._plan.circuit
        return [forwarded(circuit, part.column(index)[0]) for index in range(len(circuit.parts))]

    def _alone(self) -> list[bytes]:
        evaluator = _evaluator(self._plan.facts, self._parts)
        return [evaluator.part(index) for index in range(len(self._plan.circuit.parts))]

    def _together(self) -> list[bytes]:
        files = {
            entry.digest: (part, entry)
            for part in self._parts
            for entry in (*part.descriptor.evaluation_keys, *part.descriptor.blocks)
        }

        def read(digest: str) -> bytes:
            part, reference = files[digest]
            return part.read(reference)

        with ProcessPool(self._processes, _START, _setup(self._plan, self._parts), read) as pool:
            return pool.map([str(index).encode() for index in range(len(self._plan.circuit.parts))])


def start(setup: bytes, read: Read) -> Any:
    """Begin the work of one process of several: see `ProcessPool`."""
    message = json.loads(setup)

    def file(reference: FileReference) -> bytes:
        return read(reference.digest)

    parts = [EncryptedBlocks(parse_descriptor(text.encode()), file) for text in message["descriptors"]]
    evaluator = _evaluator(JobFacts.from_json(message["facts"]), parts)
    return lambda request: evaluator.part(int(request))


def _setup(plan: LeastSquaresPlan, parts: Sequence[EncryptedBlocks]) -> bytes:
    descriptors = [part.descriptor.canonical.decode() for part in parts]
    return json.dumps({"facts": plan.facts.to_json(), "descriptors": descriptors}).encode()


def _evaluator(facts: JobFacts, parts: Sequence[EncryptedBlocks]) -> StatisticsEvaluator:
    def column(number: int) -> list[bytes]:
        """All blocks of a feature, or from `n_features` on of a label column, whose files come after the slack."""
        file = number if number < facts.n_features else number + 1
        return [block for part in parts for block in part.column(file)]

    return StatisticsEvaluator(parts[0].engine(), circuit_for(facts), column)
