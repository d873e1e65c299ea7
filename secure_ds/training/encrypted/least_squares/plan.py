"""The plan of least squares from encrypted statistics: one step, one release, a closed form.

The formal guarantee is in `mechanism`, the proof that rounding is exact in `secure_ds.ckks.statistics_plan`, the rule
of the ridge in `rule`. Flooding is not needed: what is released holds no error of the scheme, except with probability
2^-40 (`STATISTICAL_BITS`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any, ClassVar, Final

import numpy as np

from secure_ds.ckks.cost import statistics_seconds
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.statistics_plan import (
    ANSWER_LEVEL,
    DATA_PRIMES_NEEDED,
    GROUP_SIZES,
    Part,
    StatisticsPlan,
    check_headroom,
    plan_statistics,
    require_uploadable,
)
from secure_ds.core.digest import digest_json
from secure_ds.data.descriptor import STATISTICS
from secure_ds.privacy.approximation import MIN_SIGMA_ON_GRID
from secure_ds.privacy.calibration import variance_on_grid
from secure_ds.privacy.mechanism import NoNoise
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.least_squares.mechanism import STEPS_PER_UNIT, mechanism_for, sensitivities
from secure_ds.training.encrypted.least_squares.moments import matrices
from secure_ds.training.encrypted.least_squares.rule import ridge
from secure_ds.training.encrypted.least_squares.solver import solve
from secure_ds.training.encrypted.plan import (
    Answers,
    EncryptedPlan,
    FloatArray,
    require,
    require_coordinates,
    require_steps,
)
from secure_ds.training.encrypted.release import Release, Rounding, split_answer
from secure_ds.training.encrypted.request import TO_OWNER, PlanRequest

STATISTICAL_BITS: Final = 2 * (40 - 2.7)
"""s for answers without CKKS error but for an event of probability 2^-40, by the same measure as elsewhere: all answers
together are within 2^(-s/2 - 2.7) in total variation of answers without error."""


@dataclass(frozen=True)
class LeastSquaresPlan(EncryptedPlan):
    """A job of least squares, planned.

    Attributes:
        circuit: the homomorphic circuit.
    """

    algorithm: ClassVar[str] = "encrypted_least_squares"

    circuit: StatisticsPlan

    @property
    def statistical_bits(self) -> float:
        """s: statistical security of all answers that the key may ever give."""
        return STATISTICAL_BITS

    @property
    def levels(self) -> int:
        """Levels that the circuit needs."""
        return DATA_PRIMES_NEEDED

    @property
    def answer_bytes(self) -> int:
        """Size of the ciphertexts of the one step."""
        return self.circuit.answer_bytes

    @property
    def seconds_estimate(self) -> float:
        """How long the job will take on one core, roughly."""
        return statistics_seconds(self.circuit)

    @property
    def ridge(self) -> float:
        """lambda, in units of the second moments."""
        return ridge(self.facts.n_records, self.facts.n_features, self.sigma)

    @property
    def evaluation_digest(self) -> str:
        """Digest of all that the ciphertexts follow from: the data sets' files and the circuit."""
        descriptors = [part.descriptor_digest for part in self.facts.parts]
        return digest_json({"descriptors": descriptors, "circuit": self.circuit.to_json()})

    @cached_property
    def _releases(self) -> tuple[Release, ...]:
        return tuple(self._release(part) for part in self.circuit.parts)

    def releases(self, step: int) -> tuple[Release, ...]:
        """Return the form of every ciphertext of the statistics."""
        return self._releases

    def state_after(self, answers: Answers) -> FloatArray:
        """Return the (columns * n_features,) weights, by column of the label; zeros before the answer is there."""
        given = list(answers)
        if not given:
            return np.zeros(self.facts.n_label_columns * self.facts.n_features)
        if len(given) > 1:
            raise ValueError("least squares has one answer")
        moments, labels = matrices(self.circuit, self._numbers(given[0]))
        return solve(moments, labels, self.facts.n_records, self.sigma).T.ravel()

    def tensors_after(self, answers: Answers) -> tuple[str, Mapping[str, FloatArray]]:
        """Return a linear model: its weights, (1, n_features) for two classes, (c, n_features) for more."""
        return "linear", {"weights": self.state_after(answers).reshape(-1, self.facts.n_features)}

    def details(self) -> dict[str, Any]:
        """Return the rule's ridge, the circuit, and the noise of each kind of number."""
        return {
            "settings": {"ridge": self.ridge, "normaliser": self.normaliser},
            "circuit": self.circuit.to_json(),
            "noise": {
                "diagonal": self.sigma,
                "off_diagonal": self.sigma / 2**0.5,
                "labels": float(self._label_sigma),
            },
        }

    @property
    def _label_sigma(self) -> Fraction:
        return Fraction(self.sigma) * sensitivities(self.circuit).label_noise

    def _release(self, part: Part) -> Release:
        circuit, features = self.circuit, self.facts.n_features
        diagonal, beside, labels = self._variances(part.units_per_one * STEPS_PER_UNIT)
        variances = tuple(diagonal if k == j else beside if k < features else labels for j, k in part.pairs)
        step = max(1, isqrt(min(variances)) // 1024)
        rounding = Rounding(part.unit, STEPS_PER_UNIT)
        return Release(ANSWER_LEVEL, circuit.product_scale, circuit.positions(part), variances, step, rounding)

    def _variances(self, steps: int) -> tuple[int, int, int]:
        """Return the grid variances on the diagonal, off it, and of the labels, each rounded up."""
        diagonal = variance_on_grid(self.sigma, steps)
        labels = (self._label_sigma * steps) ** 2
        return diagonal, -(-diagonal // 2), -(-labels.numerator // labels.denominator)

    def _numbers(self, answer: Any) -> list[float]:
        """Return the numbers that an answer stands for, each the double nearest to it."""
        return [
            value * release.step / (part.units_per_one * STEPS_PER_UNIT)
            for part, (release, values) in zip(self.circuit.parts, split_answer(self._releases, answer), strict=True)
            for value in values
        ]


@dataclass(frozen=True)
class OwnStatisticsPlan(LeastSquaresPlan):
    """The statistics without noise, for the owner of the one data set: what the owner could compute from the records.

    The custodian seals the answer to the key that the owner named when signing the data set; nobody else can read it,
    so nothing is released about anybody, and no model follows that others could have.
    """

    @property
    def recipient(self) -> str:
        """The owner's results key."""
        (part,) = self.facts.parts
        return part.results_key or ""

    def state_after(self, answers: Answers) -> FloatArray:
        """Return zeros: no weights follow from what only its recipient can open."""
        return np.zeros(self.facts.n_label_columns * self.facts.n_features)

    def details(self) -> dict[str, Any]:
        """Return the circuit, and whom the answer is for."""
        return {"circuit": self.circuit.to_json(), "recipient": self.recipient}

    def _release(self, part: Part) -> Release:
        circuit, without = self.circuit, len(part.pairs) * (0,)
        positions = circuit.positions(part)
        return Release(ANSWER_LEVEL, circuit.product_scale, positions, without, 1, Rounding(part.unit, 1))


def make_least_squares_plan(facts: JobFacts, request: PlanRequest) -> LeastSquaresPlan:
    """Plan a job of least squares; raises as `planning.make_plan` says, and ``statistics_not_exact``."""
    units = facts.units_for(request.epsilon, request.delta)
    foreign = sorted(request.overrides)
    require(not foreign, f"least squares has no setting {', '.join(foreign)}")
    require_steps(facts, 1)
    if request.release == TO_OWNER:
        _require_one_owner_with_a_key(facts)
    circuit = circuit_for(facts)
    if facts.content == STATISTICS:
        require_uploadable(circuit)
    require_coordinates(facts, circuit.count)
    if request.release == TO_OWNER:
        return OwnStatisticsPlan(facts, request, NoNoise("the owner of the data set"), circuit)
    mechanism = mechanism_for(circuit, units, facts.records_per_person)
    check_headroom(circuit, mechanism.sigma)
    plan = LeastSquaresPlan(facts, request, mechanism, circuit)
    if any(min(release.variances) < MIN_SIGMA_ON_GRID**2 for release in plan.releases(0)):
        raise PlanRefused(
            "noise_grid_too_coarse", "so much privacy loss leaves sigma less than 2**28 steps of the grid"
        )
    return plan


def _require_one_owner_with_a_key(facts: JobFacts) -> None:
    if len(facts.parts) != 1:
        raise PlanRefused("several_owners", "statistics without noise are one owner's, of one data set")
    if facts.parts[0].results_key is None:
        raise PlanRefused(
            "no_results_key", "the owner named no results key when the data set was signed; encrypt it with one"
        )


def circuit_for(facts: JobFacts) -> StatisticsPlan:
    """Return the circuit over a job's data. Raises `PlanRefused`."""
    return plan_statistics(
        facts.parameters,
        input_scale=facts.input_scale,
        n_records=facts.n_records,
        n_features=facts.n_features,
        n_classes=facts.n_classes,
        n_blocks=facts.n_blocks,
        eta=facts.eta,
        keying=facts.keying,
        largest_group=1 if facts.content == STATISTICS else GROUP_SIZES[0],
    )
