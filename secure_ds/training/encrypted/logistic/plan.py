"""The plan of encrypted logistic regression.

Formal guarantee. Let neighbours be data sets that differ by one record set to zero, n being public. Step 0 starts from
w = 0, where the residual is -v exactly and |v| <= 1/2 + eta for every admitted label; rows have norm at most 1 + eta;
so two neighbouring answers differ by at most S_0 = (1 + eta)(1/2 + eta) + 2 beta. Every later step has |w|_2 <= R by
projection and differs by at most S = (1 + eta) rho + 2 beta (`secure_ds.ckks.planner`, with beta and eta as there).
The answers of all steps together, and with them every weight vector and the model, are therefore mu-GDP with
mu^2 = k^2 (S_0^2 + (T - 1) S^2) / sigma^2 for persons with up to k records, and (epsilon, delta)-DP as stated once the
distance to the ideal mechanism is paid from delta (`secure_ds.privacy.approximation`). Assumed: the norm check passed
and nobody wrapped records around it on purpose (`secure_ds.ckks.norm_plan`), the trainer evaluated the honest circuit
on the uploaded ciphertexts, and the custodian drew the noise.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final

from secure_ds.ckks.cost import step_seconds
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.planner import (
    DATA_PRIMES_NEEDED,
    DEFAULT_MAX_SIGMA,
    CircuitPlan,
    check_headroom,
    plan_logistic,
    statistical_bits,
)
from secure_ds.privacy.approximation import MIN_SIGMA_ON_GRID
from secure_ds.privacy.calibration import release_step, variance_on_grid
from secure_ds.privacy.mechanism import GaussianMechanism, calibrate
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.flooding import least_sigma
from secure_ds.training.encrypted.logistic.rule import Settings, settings_for
from secure_ds.training.encrypted.logistic.update import weights_after
from secure_ds.training.encrypted.plan import (
    Answers,
    EncryptedPlan,
    FloatArray,
    require,
    require_coordinates,
    require_steps,
)
from secure_ds.training.encrypted.release import Release
from secure_ds.training.encrypted.request import PlanRequest

SETTINGS: Final = frozenset({"steps", "radius", "learning_rate", "momentum"})


@dataclass(frozen=True)
class LogisticPlan(EncryptedPlan):
    """A job of logistic regression, planned.

    Attributes:
        settings: steps, radius, learning rate, momentum.
        circuit: the homomorphic circuit of one step.
    """

    algorithm: ClassVar[str] = "encrypted_logistic_regression"

    settings: Settings
    circuit: CircuitPlan

    @property
    def statistical_bits(self) -> float:
        """s: statistical security of all tau answers that the key may ever give, if all carry this job's noise."""
        return statistical_bits(self.circuit, self.sigma, self.facts.tau)

    @property
    def levels(self) -> int:
        """Levels that the circuit needs."""
        return DATA_PRIMES_NEEDED

    @property
    def answer_bytes(self) -> int:
        """Size of the one ciphertext of a step."""
        return self.circuit.answer_bytes

    @property
    def seconds_estimate(self) -> float:
        """How long the job will take, roughly."""
        return step_seconds(self.circuit) * self.steps

    @cached_property
    def noise_variance(self) -> int:
        """Parameter of the discrete Gaussian that is added modulo q to the answer's integers."""
        return variance_on_grid(self.sigma, self.circuit.answer_scale)

    @cached_property
    def release_step(self) -> int:
        """Integers of the answer per step of the public grid that answers are rounded to (sigma / 1024)."""
        return release_step(self.sigma, self.circuit.answer_scale)

    @cached_property
    def _release(self) -> Release:
        positions, circuit = self.circuit.positions, self.circuit
        variances = len(positions) * (self.noise_variance,)
        return Release(circuit.answer_level, circuit.answer_scale, positions, variances, self.release_step)

    def releases(self, step: int) -> tuple[Release, ...]:
        """Return the one form that all steps have: the packed gradient sum."""
        return (self._release,)

    def from_release_grid(self, value: int) -> float:
        """Return the gradient sum that a point of the public grid stands for."""
        return value * self.release_step / self.circuit.answer_scale

    def state_after(self, answers: Answers) -> FloatArray:
        """Return the (n_features,) weights that follow from the first answers; |w|_2 <= radius."""
        gradients = (self._mean_gradient(answer) for answer in answers)
        return weights_after(self.settings, self.facts.n_features, gradients)

    def tensors_after(self, answers: Answers) -> tuple[str, Mapping[str, FloatArray]]:
        """Return a linear model: its weights, (1, n_features)."""
        return "linear", {"weights": self.state_after(answers).reshape(1, -1)}

    def details(self) -> dict[str, Any]:
        """Return settings, circuit, noise and grid."""
        return {
            "settings": {**asdict(self.settings), "normaliser": self.normaliser},
            "circuit": self.circuit.to_json(),
            "noise_variance": str(self.noise_variance),
            "release_step": str(self.release_step),
        }

    def _mean_gradient(self, answer: Any) -> list[float]:
        if len(answer) != self.facts.n_features:
            raise ValueError(f"an answer has {self.facts.n_features} integers, one per feature, got {len(answer)}")
        return [self.from_release_grid(value) / self.normaliser for value in answer]


def make_logistic_plan(facts: JobFacts, request: PlanRequest) -> LogisticPlan:
    """Plan a job of logistic regression; raises as `planning.make_plan` says."""
    if facts.n_classes != 2:
        raise PlanRefused(
            "wrong_number_of_classes", f"logistic regression tells two classes apart, not {facts.n_classes}"
        )
    units = facts.units_for(request.epsilon, request.delta)
    settings = _settings(facts, request, units)
    require_coordinates(facts, facts.n_features)
    circuit, mechanism = _circuit_and_noise(facts, settings, units)
    plan = LogisticPlan(facts, request, mechanism, settings, circuit)
    if plan.noise_variance < MIN_SIGMA_ON_GRID**2:
        raise PlanRefused("noise_grid_too_coarse", "the answer's scale leaves sigma less than 2**28 grid steps")
    return plan


def _settings(facts: JobFacts, request: PlanRequest, units: int) -> Settings:
    rule = settings_for(facts.n_records, facts.n_features, units, facts.records_per_person)
    foreign = request.overrides.keys() - SETTINGS
    require(not foreign, f"logistic regression has no setting {', '.join(sorted(foreign))}")
    settings = replace(rule, **request.overrides)
    require_steps(facts, settings.steps)
    require(0 < settings.learning_rate <= 1000, f"learning_rate must be in (0, 1000], got {settings.learning_rate}")
    require(0 <= settings.momentum < 1, f"momentum must be in [0, 1), got {settings.momentum}")
    return settings


def _circuit_and_noise(facts: JobFacts, settings: Settings, units: int) -> tuple[CircuitPlan, GaussianMechanism]:
    """Plan the circuit with room for the noise that its own sensitivity asks for: more room until it fits."""
    room = DEFAULT_MAX_SIGMA
    while True:
        circuit = _circuit(facts, settings, room)
        least = least_sigma(circuit, facts.tau)
        mechanism = calibrate(_sensitivities(circuit, settings.steps), units, facts.records_per_person, least)
        if mechanism.sigma <= room:
            check_headroom(circuit, mechanism.sigma)
            return circuit, mechanism
        room *= 2


def _circuit(facts: JobFacts, settings: Settings, max_sigma: float) -> CircuitPlan:
    return plan_logistic(
        facts.parameters,
        input_scale=facts.input_scale,
        n_records=facts.n_records,
        n_features=facts.n_features,
        n_blocks=facts.n_blocks,
        radius=float(settings.radius),
        eta=facts.eta,
        max_sigma=max_sigma,
        keying=facts.keying,
    )


def _sensitivities(circuit: CircuitPlan, steps: int) -> tuple[float, ...]:
    """S_0 for the first step, S for the others: see the module's guarantee."""
    first = (1 + circuit.eta) * (0.5 + circuit.eta) + 2 * circuit.beta
    return (first, *(steps - 1) * (circuit.sensitivity,))
