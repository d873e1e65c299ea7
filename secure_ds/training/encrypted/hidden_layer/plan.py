"""The plan of an encrypted one-hidden-layer network.

Formal guarantee. Let neighbours be data sets that differ by one record set to zero, n being public. The answer of step
0 is the gradient sum for W2 at W2 = 0 and the declared W1; every later answer is the gradient sums for both matrices
together. All steps have |W1| <= R1 and |W2| <= R2 in spectral norm by projection (`spectral`). Two neighbouring answers
differ in l2 norm over all their numbers by at most S_0 = labels largest + 2 beta at step 0 and by at most
S = rho sqrt(largest^2 + (R2 steepest (1 + eta))^2) + 2 beta later: proof, and every symbol, in
`secure_ds.ckks.hidden_layer.plan`. The declared W1 depends on no record. The answers of all steps together, and with
them all weights and the model, are therefore mu-GDP with mu^2 = k^2 (S_0^2 + (T - 1) S^2) / sigma^2 for persons with up
to k records, and (epsilon, delta)-DP as stated once the distance to the ideal mechanism is paid from delta
(`secure_ds.privacy.approximation`). Assumed: the norm check passed and nobody wrapped records around it on purpose
(`secure_ds.ckks.norm_plan`), the trainer evaluated the honest circuit on the uploaded ciphertexts, and the custodian
drew the noise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from secure_ds.ckks.circuit import PackedSums
from secure_ds.ckks.hidden_layer.cost import step_seconds
from secure_ds.ckks.hidden_layer.plan import DATA_PRIMES_NEEDED, HiddenCircuit, NetworkShape, plan_hidden_layer
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.hidden_layer.network import Network, network_after
from secure_ds.training.encrypted.hidden_layer.rule import HiddenLayerSettings, settings_for
from secure_ds.training.encrypted.iterative import IterativePlan, check_overrides, circuit_and_noise
from secure_ds.training.encrypted.plan import Answers, FloatArray, require, require_coordinates, require_steps
from secure_ds.training.encrypted.request import PlanRequest

SETTINGS: Final = frozenset({"steps", "momentum", "hidden_units", "seed"})


@dataclass(frozen=True)
class HiddenLayerPlan(IterativePlan):
    """A job of a one-hidden-layer network, planned."""

    algorithm: ClassVar[str] = "encrypted_hidden_layer_network"

    settings: HiddenLayerSettings
    circuit: HiddenCircuit

    @property
    def levels(self) -> int:
        """Levels that the circuit needs."""
        return DATA_PRIMES_NEEDED

    @property
    def seconds_estimate(self) -> float:
        """How long the job will take, roughly."""
        return step_seconds(self.circuit) * self.steps

    def sums(self, step: int) -> tuple[PackedSums, ...]:
        """Return the ciphertexts of the gradient for W2, and but for step 0 those for W1."""
        return self.circuit.second_sums + (self.circuit.first_sums if step else ())

    def network_after(self, answers: Answers) -> Network:
        """Return the weights that follow from the first answers, in both balls."""
        return self.network_from(self.mean_gradients(answers))

    def network_from(self, gradients: Iterable[FloatArray]) -> Network:
        """Return the weights that follow from the first mean gradients, flat: those for W2 before those for W1."""
        return network_after(self.settings, self.circuit.shape.first, self.circuit.shape.second, gradients)

    def network(self, state: FloatArray) -> Network:
        """Return the weights of a flat state."""
        return Network.from_flat(state, self.circuit.shape.first, self.circuit.shape.second)

    def state_after(self, answers: Answers) -> FloatArray:
        """Return the flat weights, W1 before W2, that follow from the first answers."""
        return self.network_after(answers).flat()

    def tensors_after(self, answers: Answers) -> tuple[str, Mapping[str, FloatArray]]:
        """Return a network: W1 (h, d), W2 (c, h) and the activation's coefficients (1, 2), linear before square."""
        network, activation = self.network_after(answers), self.circuit.activation
        coefficients = np.array([[activation.linear, activation.square]])
        return "hidden_layer", {"first": network.first, "second": network.second, "activation": coefficients}


def make_hidden_layer_plan(facts: JobFacts, request: PlanRequest) -> HiddenLayerPlan:
    """Plan a job of a one-hidden-layer network; raises as `planning.make_plan` says."""
    units = facts.units_for(request.epsilon, request.delta)
    rule = settings_for(facts.n_records, facts.n_features, units, facts.records_per_person)
    return plan_with(facts, request, rule)


def plan_with(facts: JobFacts, request: PlanRequest, rule: HiddenLayerSettings) -> HiddenLayerPlan:
    """Plan with settings of another rule, but for what was asked explicitly: for twins in the clear, not for jobs."""
    units = facts.units_for(request.epsilon, request.delta)
    settings = _settings(facts, request, rule)
    shape = _shape(facts, settings)
    require_coordinates(facts, shape.n_hidden * (shape.n_labels + shape.n_features))
    circuit, mechanism = circuit_and_noise(
        facts,
        units,
        lambda room: _circuit(facts, shape, room),
        lambda circuit: (circuit.first_sensitivity, *(settings.steps - 1) * (circuit.sensitivity,)),
    )
    return HiddenLayerPlan(facts, request, mechanism, settings, circuit)


def _settings(facts: JobFacts, request: PlanRequest, rule: HiddenLayerSettings) -> HiddenLayerSettings:
    check_overrides(request, SETTINGS, "a hidden-layer network")
    settings = replace(rule, **{"steps": min(rule.steps, facts.max_decryptions), **request.overrides})
    require_steps(facts, settings.steps)
    require(0 <= settings.momentum < 1, f"momentum must be in [0, 1), got {settings.momentum}")
    require(0 <= settings.seed < 2**32, f"seed must be 0 to 2**32 - 1, got {settings.seed}")
    return settings


def _shape(facts: JobFacts, settings: HiddenLayerSettings) -> NetworkShape:
    return NetworkShape(
        n_features=facts.n_features,
        n_hidden=settings.hidden_units,
        n_labels=facts.n_label_columns,
        first_radius=settings.first_radius,
        second_radius=settings.second_radius,
        linear=settings.linear,
        square=settings.square,
    )


def _circuit(facts: JobFacts, shape: NetworkShape, max_sigma: float) -> HiddenCircuit:
    return plan_hidden_layer(
        facts.parameters,
        shape,
        input_scale=facts.input_scale,
        n_records=facts.n_records,
        n_blocks=facts.n_blocks,
        eta=facts.eta,
        max_sigma=max_sigma,
        keying=facts.keying,
    )
