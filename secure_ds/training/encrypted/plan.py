"""The plan of a job: circuit, mechanism and settings in one frozen value, computed alike by service and custodian.

Rules kept here:
1. A plan is a pure function of what the owner signed (`DescriptorFacts`) and what was asked (`PlanRequest`). Reading
   one back plans again and refuses what differs, so noise, scales and charges are never taken from anyone.
2. Sensitivity comes from the circuit's proof, noise from the larger of privacy and flooding, charges from both.
3. A plan that exists can run: levels, head-room, noise grid, decryptions and the owner's limit have been checked.

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

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import (
    DEFAULT_MAX_SIGMA,
    CircuitPlan,
    check_headroom,
    flooding_sigma,
    plan_logistic,
    statistical_bits,
)
from secure_ds.ckks.profiles import REFERENCE_ANSWERS, statistical_bits_of
from secure_ds.core.digest import digest_json
from secure_ds.privacy.approximation import MIN_SIGMA_ON_GRID
from secure_ds.privacy.calibration import release_step, variance_on_grid
from secure_ds.privacy.gdp import epsilon_of
from secure_ds.privacy.ledger import Limit
from secure_ds.privacy.mechanism import GaussianMechanism, calibrate
from secure_ds.training.encrypted.rule import Settings, settings_for

FORMAT: Final = "secure-ds/encrypted-plan/1"
MIN_STATISTICAL_BITS: Final = 40.0
"""s: all answers under a key together are within 2^(-s/2 - 2.7) in total variation of answers without CKKS error, and
cost a decision game about the key no more than security s, in the sense of Li, Micciancio, Schultz, Sorrell (2022)."""
MAX_STEPS: Final = 4096


@dataclass(frozen=True, slots=True)
class DescriptorFacts:
    """What a plan needs of a data set's owner-signed descriptor.

    Attributes:
        dataset_id: the data set.
        descriptor_digest: digest of the whole descriptor, which the plan thereby names.
        n_records: real records; public.
        n_features: feature columns, the bias included.
        n_blocks: ciphertexts per column.
        parameters: the CKKS parameters.
        input_scale: scale of every uploaded column.
        eta: tolerance of the norm check that the data set passed.
        records_per_person: records one person may have.
        limit_epsilon: the data set's epsilon, for everything ever released.
        limit_delta: the data set's delta.
        max_decryptions: noisy vectors the key may ever release (tau).
    """

    dataset_id: str
    descriptor_digest: str
    n_records: int
    n_features: int
    n_blocks: int
    parameters: Parameters
    input_scale: float
    eta: float
    records_per_person: int
    limit_epsilon: float
    limit_delta: float
    max_decryptions: int

    @property
    def limit(self) -> Limit:
        """The owner's limit as the ledger counts it."""
        return Limit(self.limit_epsilon, self.limit_delta, self.max_decryptions, self.n_features)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; input_scale and eta are hexadecimal doubles."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **fields,
            "parameters": self.parameters.to_json(),
            "input_scale": self.input_scale.hex(),
            "eta": self.eta.hex(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        exact = {name: float.fromhex(value[name]) for name in ("input_scale", "eta")}
        return cls(**{**value, **exact, "parameters": Parameters.from_json(value["parameters"])})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked of a job. Settings that are None come from the rule.

    Attributes:
        epsilon: privacy of this job's releases together, at `delta`.
        delta: the failure probability that goes with epsilon.
        purpose: what the model is for.
        steps: number of steps.
        radius: bound on the norm of the weights.
        learning_rate: step size.
        momentum: heavy-ball factor.
    """

    epsilon: float
    delta: float
    purpose: str
    steps: int | None = None
    radius: float | None = None
    learning_rate: float | None = None
    momentum: float | None = None

    @property
    def overrides(self) -> dict[str, Any]:
        """The settings that were asked for explicitly."""
        names = ("steps", "radius", "learning_rate", "momentum")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class EncryptedPlan:
    """A job, planned. Make it with `make_plan`.

    Attributes:
        facts: what the owner signed.
        request: what was asked.
        settings: steps, radius, learning rate, momentum.
        circuit: the homomorphic circuit of one step.
        mechanism: sensitivities, noise and charges.
    """

    facts: DescriptorFacts
    request: PlanRequest
    settings: Settings
    circuit: CircuitPlan
    mechanism: GaussianMechanism

    @property
    def steps(self) -> int:
        """Number of steps, each one decryption."""
        return self.settings.steps

    @property
    def normaliser(self) -> int:
        """What sums are divided by: the public number of records."""
        return self.facts.n_records

    @property
    def sigma(self) -> float:
        """Deviation of the noise, in units of the gradient sum."""
        return self.mechanism.sigma

    @property
    def sensitivity(self) -> float:
        """The largest sensitivity of any step, for one person, in units of the gradient sum."""
        return max(self.mechanism.sensitivities)

    @property
    def charges(self) -> tuple[int, ...]:
        """Cost of each step in units of 1e-12 mu^2."""
        return self.mechanism.charges

    @cached_property
    def noise_variance(self) -> int:
        """Parameter of the discrete Gaussian that is added modulo q to the answer's integers."""
        return variance_on_grid(self.sigma, self.circuit.answer_scale)

    @cached_property
    def release_step(self) -> int:
        """Integers of the answer per step of the public grid that answers are rounded to (sigma / 1024)."""
        return release_step(self.sigma, self.circuit.answer_scale)

    @property
    def statistical_bits(self) -> float:
        """s: statistical security of all tau answers that the key may ever give, if all carry this job's noise."""
        return statistical_bits(self.circuit, self.sigma, self.facts.max_decryptions)

    def epsilon_after(self, steps: int) -> float:
        """Return the epsilon, at the requested delta, of the first `steps` releases; after all of them at most what was
        asked, and less where flooding adds noise."""
        return epsilon_of(sum(self.charges[:steps]), self.request.delta, self.facts.limit.distance)

    def to_release_grid(self, value: int) -> int:
        """Round an integer of the answer to the public grid; halves go up."""
        return (2 * value + self.release_step) // (2 * self.release_step)

    def from_release_grid(self, value: int) -> float:
        """Return the gradient sum that a point of the public grid stands for."""
        return value * self.release_step / self.circuit.answer_scale

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: inputs first, then everything that follows from them, for readers and certificates."""
        return {
            "format": FORMAT,
            "facts": self.facts.to_json(),
            "request": asdict(self.request),
            "settings": {**asdict(self.settings), "normaliser": self.normaliser},
            "circuit": self.circuit.to_json(),
            "mechanism": self.mechanism.to_json(),
            "charges": [str(charge) for charge in self.charges],
            "noise_variance": str(self.noise_variance),
            "release_step": str(self.release_step),
            "tau": self.facts.max_decryptions,
        }

    @classmethod
    def from_json(cls, value: object) -> "EncryptedPlan":
        """Read what `to_json` wrote, by planning again.

        Raises:
            PlanRefused: not a plan, or not what planning from its inputs gives (``"not_reproducible"``).
        """
        try:
            if not isinstance(value, dict):
                raise TypeError("not an object")
            plan = make_plan(DescriptorFacts.from_json(value["facts"]), PlanRequest(**value["request"]))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise PlanRefused("not_a_plan", f"not a plan in the form {FORMAT}: {error}") from error
        if plan.to_json() != value:
            raise PlanRefused("not_reproducible", "the plan is not what its inputs give; make it with make_plan")
        return plan

    @cached_property
    def digest(self) -> str:
        """Digest of the canonical JSON form."""
        return digest_json(self.to_json())


def make_plan(facts: DescriptorFacts, request: PlanRequest) -> EncryptedPlan:
    """Plan a job, or say why there cannot be one.

    Raises:
        PlanRefused: from the circuit's planner, or `reason` ``out_of_range`` (a setting), ``above_limit`` (more than
            the owner ever allows), ``too_many_steps`` (more than the key may decrypt), ``noise_grid_too_coarse``.
        InvalidPrivacyParameter, DeltaTooSmall: epsilon or delta cannot be accounted.
    """
    units = _allowed_units(facts, request)
    settings = _settings(facts, request, units)
    circuit, mechanism = _circuit_and_noise(facts, settings, units)
    plan = EncryptedPlan(facts, request, settings, circuit, mechanism)
    if plan.noise_variance < MIN_SIGMA_ON_GRID**2:
        raise PlanRefused("noise_grid_too_coarse", "the answer's scale leaves sigma less than 2**24 grid steps")
    return plan


def _allowed_units(facts: DescriptorFacts, request: PlanRequest) -> int:
    units = facts.limit.units_for(request.epsilon, request.delta)
    if units > facts.limit.units:
        raise PlanRefused(
            "above_limit",
            f"epsilon = {request.epsilon:g} at delta = {request.delta:g} is more than the owner of the data set allows:"
            f" epsilon = {facts.limit_epsilon:g} at delta = {facts.limit_delta:g} for everything ever released",
        )
    return units


def _settings(facts: DescriptorFacts, request: PlanRequest, units: int) -> Settings:
    rule = settings_for(facts.n_records, facts.n_features, units, facts.records_per_person)
    settings = replace(rule, **request.overrides)
    _require(1 <= settings.steps <= MAX_STEPS, f"steps must be 1 to {MAX_STEPS}, got {settings.steps}")
    _require(0 < settings.learning_rate <= 1000, f"learning_rate must be in (0, 1000], got {settings.learning_rate}")
    _require(0 <= settings.momentum < 1, f"momentum must be in [0, 1), got {settings.momentum}")
    if settings.steps > facts.max_decryptions:
        raise PlanRefused(
            "too_many_steps",
            f"{settings.steps} steps, but the key may only ever decrypt {facts.max_decryptions} answers",
        )
    return settings


def _circuit_and_noise(facts: DescriptorFacts, settings: Settings, units: int) -> tuple[CircuitPlan, GaussianMechanism]:
    """Plan the circuit with room for the noise that its own sensitivity asks for: more room until it fits."""
    room = DEFAULT_MAX_SIGMA
    while True:
        circuit = _circuit(facts, settings, room)
        least = _least_sigma(circuit, facts.max_decryptions)
        mechanism = calibrate(_sensitivities(circuit, settings.steps), units, facts.records_per_person, least)
        if mechanism.sigma <= room:
            check_headroom(circuit, mechanism.sigma)
            return circuit, mechanism
        room *= 2


def _least_sigma(circuit: CircuitPlan, tau: int) -> float:
    """The flooding rule: what the profile promises over its reference number of answers, and the least over all tau."""
    promised = flooding_sigma(circuit, statistical_bits_of(circuit.parameters), min(tau, REFERENCE_ANSWERS))
    return max(promised, flooding_sigma(circuit, MIN_STATISTICAL_BITS, tau))


def _circuit(facts: DescriptorFacts, settings: Settings, max_sigma: float) -> CircuitPlan:
    return plan_logistic(
        facts.parameters,
        input_scale=facts.input_scale,
        n_records=facts.n_records,
        n_features=facts.n_features,
        n_blocks=facts.n_blocks,
        radius=float(settings.radius),
        eta=facts.eta,
        max_sigma=max_sigma,
    )


def _sensitivities(circuit: CircuitPlan, steps: int) -> tuple[float, ...]:
    """S_0 for the first step, S for the others: see the module's guarantee."""
    first = (1 + circuit.eta) * (0.5 + circuit.eta) + 2 * circuit.beta
    return (first, *(steps - 1) * (circuit.sensitivity,))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise PlanRefused("out_of_range", message)
