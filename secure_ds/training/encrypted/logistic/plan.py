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
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from secure_ds.ckks.circuit import PackedSums
from secure_ds.ckks.cost import step_seconds
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.planner import DATA_PRIMES_NEEDED, CircuitPlan, plan_logistic
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.iterative import (
    IterativePlan,
    check_descent,
    check_overrides,
    circuit_and_noise,
)
from secure_ds.training.encrypted.logistic.rule import Settings, settings_for
from secure_ds.training.encrypted.logistic.update import weights_after
from secure_ds.training.encrypted.plan import Answers, FloatArray, require_coordinates, require_steps
from secure_ds.training.encrypted.request import PlanRequest

SETTINGS: Final = frozenset({"steps", "radius", "learning_rate", "momentum"})
LARGEST_LEARNING_RATE: Final = 1000.0


@dataclass(frozen=True)
class LogisticPlan(IterativePlan):
    """A job of logistic regression, planned."""

    algorithm: ClassVar[str] = "encrypted_logistic_regression"

    settings: Settings
    circuit: CircuitPlan

    @property
    def levels(self) -> int:
        """Levels that the circuit needs."""
        return DATA_PRIMES_NEEDED

    @property
    def seconds_estimate(self) -> float:
        """How long the job will take, roughly."""
        return step_seconds(self.circuit) * self.steps

    def sums(self, step: int) -> tuple[PackedSums, ...]:
        """Return the one ciphertext that holds the gradient sum."""
        return (PackedSums(self.circuit.positions, self.circuit.answer_scale),)

    def state_after(self, answers: Answers) -> FloatArray:
        """Return the (n_features,) weights that follow from the first answers; |w|_2 <= radius."""
        return weights_after(self.settings, self.facts.n_features, self.mean_gradients(answers))

    def tensors_after(self, answers: Answers) -> tuple[str, Mapping[str, FloatArray]]:
        """Return a linear model: its weights, (1, n_features)."""
        return "linear", {"weights": self.state_after(answers).reshape(1, -1)}


def make_logistic_plan(facts: JobFacts, request: PlanRequest) -> LogisticPlan:
    """Plan a job of logistic regression; raises as `planning.make_plan` says."""
    if facts.n_classes != 2:
        raise PlanRefused(
            "wrong_number_of_classes", f"logistic regression tells two classes apart, not {facts.n_classes}"
        )
    units = facts.units_for(request.epsilon, request.delta)
    settings = _settings(facts, request, units)
    require_coordinates(facts, facts.n_features)
    circuit, mechanism = circuit_and_noise(
        facts,
        units,
        lambda room: _circuit(facts, settings, room),
        lambda circuit: _sensitivities(circuit, settings.steps),
    )
    return LogisticPlan(facts, request, mechanism, settings, circuit)


def _settings(facts: JobFacts, request: PlanRequest, units: int) -> Settings:
    check_overrides(request, SETTINGS, "logistic regression")
    rule = settings_for(facts.n_records, facts.n_features, units, facts.records_per_person)
    settings = replace(rule, **request.overrides)
    require_steps(facts, settings.steps)
    check_descent(settings.learning_rate, settings.momentum, LARGEST_LEARNING_RATE)
    return settings


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
