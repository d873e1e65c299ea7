"""What iterative algorithms have in common: every step releases packed sums of one circuit, with one noise.

Rules kept here:
1. One noise for all numbers of all steps: the larger of what privacy and what the key ask for, never less than the grid
   allows.
2. A circuit is planned with room for its own noise: more room until it fits.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from secure_ds.ckks.circuit import Circuit, PackedSums
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.planner import DEFAULT_MAX_SIGMA, check_headroom, statistical_bits
from secure_ds.privacy.approximation import MIN_SIGMA_ON_GRID
from secure_ds.privacy.calibration import release_step, variance_on_grid
from secure_ds.privacy.mechanism import GaussianMechanism, calibrate
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.flooding import least_sigma
from secure_ds.training.encrypted.plan import Answers, EncryptedPlan, FloatArray, require
from secure_ds.training.encrypted.release import Release, split_answer
from secure_ds.training.encrypted.request import PlanRequest

C = TypeVar("C", bound=Circuit)


@dataclass(frozen=True)
class IterativePlan(EncryptedPlan):
    """A job of gradient steps, planned.

    Attributes:
        settings: the algorithm's settings, a dataclass.
        circuit: the homomorphic circuit of one step.
    """

    settings: Any
    circuit: Any

    @abstractmethod
    def sums(self, step: int) -> tuple[PackedSums, ...]:
        """Return the packed ciphertexts of a step: of the first, or of any later one, which are all alike."""

    @property
    def statistical_bits(self) -> float:
        """s: statistical security of all tau answers that the key may ever give, if all carry this job's noise."""
        return statistical_bits(self.circuit, self.sigma, self.facts.tau)

    @property
    def answer_bytes(self) -> int:
        """Size of the ciphertexts of one step."""
        size: int = self.circuit.answer_bytes
        return size

    def releases(self, step: int) -> tuple[Release, ...]:
        """Return the form of every ciphertext of a step: packed sums, all with the same noise in their units."""
        return self._forms[min(step, 1)]

    def mean_gradients(self, answers: Answers) -> list[FloatArray]:
        """Return what answers say of the mean gradient, a flat array for each step.

        Raises:
            ValueError: an answer does not have the integers that its releases have.
        """
        return [self.mean_gradient(step, answer) for step, answer in enumerate(answers)]

    def details(self) -> dict[str, Any]:
        """Return settings, circuit, noise and grid."""
        last = self.releases(self.steps - 1)
        return {
            "settings": {**asdict(self.settings), "normaliser": self.normaliser},
            "circuit": self.circuit.to_json(),
            "noise_variances": [str(release.variances[0]) for release in last],
            "release_steps": [str(release.step) for release in last],
        }

    @cached_property
    def _forms(self) -> tuple[tuple[Release, ...], tuple[Release, ...]]:
        """Of the first step, and of a later one: kept, for the weights of a step are worked out from all answers."""
        first, later = (tuple(self._release(part) for part in self.sums(step)) for step in (0, 1))
        return first, later

    def _release(self, part: PackedSums) -> Release:
        count, (variance, step) = len(part.positions), self._noise(part.scale)
        return Release(self.circuit.answer_level, part.scale, part.positions, count * (variance,), step)

    def _noise(self, scale: float) -> tuple[int, int]:
        """Return parameter of the discrete Gaussian and step of the public grid (sigma / 1024) at that scale."""
        return variance_on_grid(self.sigma, scale), release_step(self.sigma, scale)

    def mean_gradient(self, step: int, answer: Sequence[int]) -> FloatArray:
        """Return what a step's answer says of the mean gradient. Raises `ValueError` as `mean_gradients` does."""
        sums = [
            value * release.step / release.scale
            for release, share in split_answer(self.releases(step), answer)
            for value in share
        ]
        return np.array(sums) / self.normaliser


def check_overrides(request: PlanRequest, allowed: frozenset[str], what: str) -> None:
    """Refuse settings that an algorithm does not have. Raises `PlanRefused`, ``out_of_range``."""
    foreign = request.overrides.keys() - allowed
    require(not foreign, f"{what} has no setting {', '.join(sorted(foreign))}")


def check_descent(learning_rate: float, momentum: float, largest: float) -> None:
    """Refuse senseless settings of momentum descent, such as a learning rate above the largest. Raises `PlanRefused`,
    ``out_of_range``."""
    require(0 < learning_rate <= largest, f"learning_rate must be in (0, {largest:.0f}], got {learning_rate}")
    require(0 <= momentum < 1, f"momentum must be in [0, 1), got {momentum}")


def circuit_and_noise(
    facts: JobFacts,
    units: int,
    plan_circuit: Callable[[float], C],
    sensitivities: Callable[[C], tuple[float, ...]],
) -> tuple[C, GaussianMechanism]:
    """Plan a circuit with room for the noise that its own sensitivity asks for.

    Args:
        facts: the job's data sets.
        units: cost the job may have, in units of 1e-12 mu^2.
        plan_circuit: plans the circuit with room for noise of this deviation.
        sensitivities: of each step, for one record.

    Raises:
        PlanRefused: from the circuit's planner, or ``noise_grid_too_coarse``.
    """
    room = DEFAULT_MAX_SIGMA
    while True:
        circuit = plan_circuit(room)
        least = least_sigma(circuit, facts.tau)
        mechanism = calibrate(sensitivities(circuit), units, facts.records_per_person, least)
        if mechanism.sigma <= room:
            break
        room *= 2
    check_headroom(circuit, mechanism.sigma)
    if variance_on_grid(mechanism.sigma, circuit.least_answer_scale) < MIN_SIGMA_ON_GRID**2:
        raise PlanRefused("noise_grid_too_coarse", "the answer's scale leaves sigma less than 2**28 grid steps")
    return circuit, mechanism
