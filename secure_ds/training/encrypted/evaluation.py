"""The circuit of a plan over the files of its data sets: one interface for all algorithms.

Rules kept here:
1. A step is a pure function of files and weights: equal inputs give equal bytes.
2. If the key was rotated, answers are moved to the new one last of all: the same bytes for worker and recheck.
3. Data sets are loaded in the order of the plan's facts, block by block; no block mixes two of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.engine import Engine
from secure_ds.ckks.hidden_layer.evaluator import HiddenLayerEvaluator
from secure_ds.ckks.logistic import LogisticEvaluator
from secure_ds.ckks.matrices import quantise_matrix
from secure_ds.ckks.rotation import Rotation
from secure_ds.ckks.softmax.evaluator import SoftmaxEvaluator
from secure_ds.ckks.weights import quantise
from secure_ds.core.resources import Resources, all_cores
from secure_ds.training.encrypted.blocks import EncryptedBlocks
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan
from secure_ds.training.encrypted.hidden_layer.quantised import quantise_network
from secure_ds.training.encrypted.least_squares.evaluation import LeastSquaresEvaluator
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan, OwnStatisticsPlan
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan


class StepEvaluator(Protocol):
    """Evaluates the steps of one job."""

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of the last step by phase."""

    def step(self, state: npt.NDArray[np.float64]) -> list[bytes]:
        """Return the ciphertexts of the step at these weights, in the order of the plan's releases."""


class _Logistic:
    def __init__(self, plan: LogisticPlan, parts: Sequence[EncryptedBlocks], resources: Resources) -> None:
        self._plan = plan
        keys = parts[0].evaluation_keys()
        engine = Engine(parts[0].descriptor.parameters, keys)
        self._evaluator = LogisticEvaluator(engine, plan.circuit, resources, keys)
        for part in parts:
            for block in range(part.descriptor.n_blocks):
                self._evaluator.load_block(part.features(block), part.labels(block)[0])

    @property
    def timings(self) -> dict[str, float]:
        return self._evaluator.timings

    def step(self, state: npt.NDArray[np.float64]) -> list[bytes]:
        return [self._evaluator.step(quantise(state, self._plan.circuit))]


class _InOneProcess(ABC):
    """Holds every column of every data set at once."""

    def __init__(self, plan: Any, parts: Sequence[EncryptedBlocks], _: Resources) -> None:
        self._plan = plan
        self._evaluator = self._made(parts[0].engine())
        for part in parts:
            for block in range(part.descriptor.n_blocks):
                self._evaluator.load_block(part.features(block), part.labels(block))

    @property
    def timings(self) -> dict[str, float]:
        timings: dict[str, float] = self._evaluator.timings
        return timings

    @abstractmethod
    def _made(self, engine: Engine) -> Any:
        """Return the evaluator of the plan's circuit."""


class _Softmax(_InOneProcess):
    _plan: SoftmaxPlan
    _evaluator: SoftmaxEvaluator

    def _made(self, engine: Engine) -> SoftmaxEvaluator:
        return SoftmaxEvaluator(engine, self._plan.circuit)

    def step(self, state: npt.NDArray[np.float64]) -> list[bytes]:
        plan, circuit = self._plan, self._plan.circuit
        weights = quantise_matrix(state.reshape(plan.shape), plan.shape, circuit.radius, circuit.scales.weights)
        return self._evaluator.step(weights)


class _HiddenLayer(_InOneProcess):
    _plan: HiddenLayerPlan
    _evaluator: HiddenLayerEvaluator

    def _made(self, engine: Engine) -> HiddenLayerEvaluator:
        return HiddenLayerEvaluator(engine, self._plan.circuit)

    def step(self, state: npt.NDArray[np.float64]) -> list[bytes]:
        return self._evaluator.step(*quantise_network(self._plan.network(state), self._plan.circuit))


class _Rotated:
    """Computes under the key of the files and moves every answer to the key that decrypts."""

    def __init__(self, evaluator: StepEvaluator, rotation: Rotation) -> None:
        self._evaluator = evaluator
        self._rotation = rotation

    @property
    def timings(self) -> dict[str, float]:
        return self._evaluator.timings

    def step(self, state: npt.NDArray[np.float64]) -> list[bytes]:
        return [self._rotation.apply(ciphertext) for ciphertext in self._evaluator.step(state)]


def _least_squares(
    plan: LeastSquaresPlan, parts: Sequence[EncryptedBlocks], resources: Resources
) -> LeastSquaresEvaluator:
    return LeastSquaresEvaluator(plan, parts, min(resources.processes, len(plan.circuit.parts)))


_EVALUATORS: Final[dict[type[EncryptedPlan], Callable[..., StepEvaluator]]] = {
    LogisticPlan: _Logistic,
    SoftmaxPlan: _Softmax,
    LeastSquaresPlan: _least_squares,
    OwnStatisticsPlan: _least_squares,
    HiddenLayerPlan: _HiddenLayer,
}
_WORTH_A_PROCESS: Final = 10.0  # seconds of a job on one core


def evaluator_for(
    plan: EncryptedPlan, parts: Sequence[EncryptedBlocks], resources: Resources | None = None
) -> StepEvaluator:
    """Load everything that a plan's steps need.

    Args:
        plan: the plan.
        parts: the files of its data sets, in the order of `plan.facts.parts`.
        resources: processes and memory to use at most; by default every core. Short jobs use fewer processes.

    Raises:
        BlobChanged: a file is not what its owner signed for.
    """
    allowed = resources or Resources(processes=all_cores())
    worth = max(1, int(plan.seconds_estimate / _WORTH_A_PROCESS))
    used = replace(allowed, processes=min(allowed.processes, worth))
    evaluator = _EVALUATORS[type(plan)](plan, parts, used)
    rotation = parts[0].rotation()  # data sets of one job have one key
    return evaluator if rotation is None else _Rotated(evaluator, rotation)
