"""The plan of encrypted softmax regression.

Formal guarantee. Let neighbours be data sets that differ by one record set to zero, n being public. An answer is all
c x d numbers of the gradient sum, whose l2 norm is the Frobenius norm of the matrix. Step 0 starts from W = 0, where
two neighbouring answers differ by at most S_0 = (1 + eta)(sqrt(1 - 1/c) + 5 eta/16) + 2 beta. Every later step has a W
of spectral norm at most R by projection (`spectral`) and differs by at most S = (1 + eta) rho + 2 beta with
rho = (R + cut)(1 + eta)/c + sqrt(1 - 1/c) + 5 eta/16: proof, beta, eta and cut in `secure_ds.ckks.softmax.plan`. The
answers of all steps together, and with them every matrix of weights and the model, are therefore mu-GDP with
mu^2 = k^2 (S_0^2 + (T - 1) S^2) / sigma^2 for persons with up to k records, and (epsilon, delta)-DP as stated once the
distance to the ideal mechanism is paid from delta (`secure_ds.privacy.approximation`). Assumed: the norm check passed
and nobody wrapped records around it on purpose (`secure_ds.ckks.norm_plan`), the trainer evaluated the honest circuit
on the uploaded ciphertexts, and the custodian drew the noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from secure_ds.ckks.circuit import PackedSums
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.softmax.cost import step_seconds
from secure_ds.ckks.softmax.plan import DATA_PRIMES_NEEDED, SoftmaxCircuit, plan_softmax
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.iterative import (
    IterativePlan,
    check_descent,
    check_overrides,
    circuit_and_noise,
)
from secure_ds.training.encrypted.plan import Answers, FloatArray, require_coordinates, require_steps
from secure_ds.training.encrypted.request import PlanRequest
from secure_ds.training.encrypted.softmax.rule import SoftmaxSettings, settings_for
from secure_ds.training.encrypted.softmax.update import weights_after

SETTINGS: Final = frozenset({"steps", "radius", "learning_rate", "momentum"})
LARGEST_LEARNING_RATE: Final = 100_000.0


@dataclass(frozen=True)
class SoftmaxPlan(IterativePlan):
    """A job of softmax regression, planned."""

    algorithm: ClassVar[str] = "encrypted_softmax_regression"

    settings: SoftmaxSettings
    circuit: SoftmaxCircuit

    @property
    def levels(self) -> int:
        """Levels that the circuit needs."""
        return DATA_PRIMES_NEEDED

    @property
    def seconds_estimate(self) -> float:
        """How long the job will take, roughly."""
        return step_seconds(self.circuit) * self.steps

    @property
    def shape(self) -> tuple[int, int]:
        """(c, d) of the weights."""
        return self.facts.n_classes, self.facts.n_features

    def sums(self, step: int) -> tuple[PackedSums, ...]:
        """Return the ciphertexts that hold the c x d sums, class by class."""
        return self.circuit.sums

    def state_after(self, answers: Answers) -> FloatArray:
        """Return the flat (c, d) weights that follow from the first answers, of spectral norm at most the radius."""
        return weights_after(self.settings, self.shape, self.mean_gradients(answers)).flatten()

    def tensors_after(self, answers: Answers) -> tuple[str, Mapping[str, FloatArray]]:
        """Return a linear model: its weights, (c, d)."""
        return "linear", {"weights": self.state_after(answers).reshape(self.shape)}


def make_softmax_plan(facts: JobFacts, request: PlanRequest) -> SoftmaxPlan:
    """Plan a job of softmax regression; raises as `planning.make_plan` says."""
    if facts.n_classes < 3:
        raise PlanRefused(
            "wrong_number_of_classes",
            "softmax regression tells three classes or more apart; for two take encrypted_logistic_regression",
        )
    units = facts.units_for(request.epsilon, request.delta)
    settings = _settings(facts, request, units)
    require_coordinates(facts, facts.n_classes * facts.n_features)
    circuit, mechanism = circuit_and_noise(
        facts,
        units,
        lambda room: _circuit(facts, settings, room),
        lambda circuit: (circuit.first_sensitivity, *(settings.steps - 1) * (circuit.sensitivity,)),
    )
    return SoftmaxPlan(facts, request, mechanism, settings, circuit)


def _settings(facts: JobFacts, request: PlanRequest, units: int) -> SoftmaxSettings:
    check_overrides(request, SETTINGS, "softmax regression")
    rule = settings_for(facts.n_records, facts.n_features, facts.n_classes, units, facts.records_per_person)
    settings = replace(rule, **request.overrides)
    require_steps(facts, settings.steps)
    check_descent(settings.learning_rate, settings.momentum, LARGEST_LEARNING_RATE)
    return settings


def _circuit(facts: JobFacts, settings: SoftmaxSettings, max_sigma: float) -> SoftmaxCircuit:
    return plan_softmax(
        facts.parameters,
        input_scale=facts.input_scale,
        n_records=facts.n_records,
        n_features=facts.n_features,
        n_classes=facts.n_classes,
        n_blocks=facts.n_blocks,
        radius=float(settings.radius),
        eta=facts.eta,
        max_sigma=max_sigma,
        keying=facts.keying,
    )
