"""The plan of a job on sealed records: mechanism and settings in one frozen value, computed alike by everybody.

Rules kept here:
1. A plan is a pure function of what the owner signed (`SealedFacts`) and what was asked (`DpRequest`). Reading one back
   plans again and refuses what differs, so noise and charges are never taken from anyone.
2. Trainer and accountant read the same value: sampler, clipping, noise, steps and normaliser are in it, and what
   changes speed alone (`performance`) is not.
3. Noise is added to sums. The normaliser is the expected number of units of a step, rounded up: a public constant.
4. The owner's limit holds for the job by itself here, and for all jobs together in the ledger. Noise is the larger of
   what the wish for epsilon and what the whole limit, as the ledger counts it, need: a plan fits into a fresh budget.
5. What is accounted is less noise than is added, by what float32 may add to the sensitivity (`noise_distance`).

Neighbours are zero-out one privacy unit (`privacy.sampled`). Formal guarantee: everything the job releases is
(`epsilon_after(steps)`, request.delta)-DP, and so is every prefix of it.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import ceil, inf, sqrt
from typing import Any, Final, Literal

from scipy.stats import binom

from secure_ds.core.digest import digest_json
from secure_ds.models.errors import InvalidModelConfig
from secure_ds.models.registry import ModelConfig, config_from_json
from secure_ds.models.sizes import parameter_bound
from secure_ds.privacy.accountants import bounds, quick_bound, tightest
from secure_ds.privacy.errors import PlanRefused
from secure_ds.privacy.noise_distance import slack
from secure_ds.privacy.renyi import Cost
from secure_ds.privacy.sampled import NEIGHBOURS, SampledGaussian
from secure_ds.training.dp import rule
from secure_ds.training.dp.calibration import accounted_event, ledger_step_cost, noise_for
from secure_ds.training.dp.facts import DpRequest, SealedFacts
from secure_ds.training.dp.fit import require_fits
from secure_ds.training.dp.samplers import PoissonSampler, Sampler, TruncatedPoissonSampler

FORMAT: Final = "secure-ds/dp-plan/1"
ALGORITHM: Final = "sealed_dp_sgd"
OptimiserKind = Literal["dp_sgd", "dp_adam", "dp_adamw"]
OPTIMISERS: Final[dict[str, OptimiserKind]] = {"dp_sgd": "dp_sgd", "dp_adam": "dp_adam", "dp_adamw": "dp_adamw"}
MAX_EPSILON: Final = 100.0
MIN_DELTA: Final = 1e-12
SLACK_SHARES: Final = 1024  # what delta pays beside the accountant is rounded up to such shares of it
_CUT_DEVIATIONS: Final = 10.0
_KNOWN: Final = {
    "optimiser": tuple(OPTIMISERS),
    "clipping": ("flat", "automatic"),
    "sampler": ("poisson", "truncated_poisson"),
}

__all__ = ["DpPlan", "DpRequest", "SealedFacts", "make_dp_plan", "plan_from_json"]


@dataclass(frozen=True)
class Clipping:
    """How a unit's gradient is bounded.

    Attributes:
        l2_norm_clip: no unit adds more than this norm to a sum.
        kind: "flat" cuts what is longer; "automatic" brings every gradient near that norm (Bu et al. 2023).
    """

    l2_norm_clip: float
    kind: Literal["flat", "automatic"]


@dataclass(frozen=True)
class OptimiserSettings:
    """How noisy means become updates: post-processing, which costs nothing."""

    kind: OptimiserKind
    learning_rate: float
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_steps: int = 0


@dataclass(frozen=True)
class DpPlan:
    """A job, planned. Make it with `make_dp_plan`."""

    facts: SealedFacts
    request: DpRequest
    model: dict[str, Any]
    sampler: Sampler
    clipping: Clipping
    optimiser: OptimiserSettings
    noise_multiplier: float
    steps: int
    normaliser: float
    seed: int

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        return self.request.algorithm

    @property
    def neighbours(self) -> str:
        """Which data sets are indistinguishable."""
        return NEIGHBOURS

    @property
    def unit(self) -> str:
        """What is protected, in words for the certificate."""
        rows = self.facts.rows_per_unit
        return "record" if self.facts.unit == "record" else f"user with up to {rows} records"

    @property
    def event(self) -> SampledGaussian:
        """What the accountants are given: every unit is in a step with the sampler's rate, and delta pays for cuts."""
        return self.event_after(self.steps)

    def event_after(self, steps: int) -> SampledGaussian:
        """Return the event of the first steps."""
        return accounted_event(self.noise_multiplier, self.sampler, self.normaliser, steps)

    @cached_property
    def delta_of_mechanism(self) -> float:
        """What is left of the job's delta for the accountant."""
        return self.request.delta - _slack(self.facts, self.request, self.model, self.sampler, self.steps)

    def epsilon_after(self, steps: int) -> float:
        """Return the epsilon, at the requested delta, of the first `steps` steps; 0 for none."""
        return tightest(self.event_after(steps), self.delta_of_mechanism)[0] if steps else 0.0

    def epsilon_so_far(self, steps: int) -> float:
        """Return a valid, but not the tightest, epsilon of the first `steps` steps, fast enough to show at each."""
        whole = self.epsilon_after(self.steps)
        if steps >= self.steps:
            return whole
        return min(whole, quick_bound(self.event, steps, self.delta_of_mechanism)) if steps else 0.0

    @property
    def epsilons(self) -> dict[str, float]:
        """Epsilon of the whole job by every accountant."""
        return bounds(self.event, self.delta_of_mechanism)

    @cached_property
    def step_cost(self) -> Cost:
        """What one step costs in the ledger, at each of the data set's orders."""
        n_parameters = parameter_bound(config_from_json(self.model))
        return ledger_step_cost(self.facts, self.request, self.sampler, self.event, n_parameters)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: inputs first, then everything that follows from them."""
        return {
            "format": FORMAT,
            "facts": self.facts.to_json(),
            "request": asdict(self.request),
            "model": self.model,
            "sampler": self.sampler.to_json(),
            "clipping": asdict(self.clipping),
            "optimiser": asdict(self.optimiser),
            "noise_multiplier": self.noise_multiplier,
            "steps": self.steps,
            "normaliser": self.normaliser,
            "seed": self.seed,
            "unit": self.unit,
            "event": self.event.to_json(),
            "step_cost": [str(units) for units in self.step_cost],
        }

    @cached_property
    def digest(self) -> str:
        """Digest of the canonical JSON form."""
        return digest_json(self.to_json())


def make_dp_plan(facts: SealedFacts, request: DpRequest) -> DpPlan:
    """Plan a job, or say why there cannot be one.

    Raises:
        PlanRefused: `reason` ``out_of_range`` (a setting), ``above_limit`` (more than the owner ever allows),
            ``wrong_model`` (not for these records), ``unknown_algorithm``, ``delta_too_small``.
        InvalidPrivacyParameter, DeltaTooSmall: epsilon or delta cannot be accounted.
    """
    _require_request(facts, request)
    config = _config(facts, request)
    defaults = rule.sizes(facts.n_units, request.batch_size, request.steps)
    sampler = _sampler(facts, request, defaults.batch_size)
    kind = OPTIMISERS[request.optimiser or "dp_sgd"]
    clip = rule.l2_norm_clip(config.task) if request.l2_norm_clip is None else request.l2_norm_clip
    n_parameters, expected = parameter_bound(config), float(defaults.batch_size)
    left = request.delta - _slack(facts, request, config.to_json(), sampler, defaults.steps)
    return DpPlan(
        facts=facts,
        request=request,
        model=config.to_json(),
        sampler=sampler,
        clipping=Clipping(clip, "automatic" if request.clipping == "automatic" else "flat"),
        optimiser=OptimiserSettings(
            kind,
            request.learning_rate or rule.learning_rate(kind),
            weight_decay=rule.WEIGHT_DECAY if kind == "dp_adamw" else 0.0,
        ),
        noise_multiplier=noise_for(facts, request, sampler, expected, defaults.steps, n_parameters, left),
        steps=defaults.steps,
        normaliser=expected,
        seed=request.seed or 0,
    )


def plan_from_json(value: object) -> DpPlan:
    """Read what `DpPlan.to_json` wrote, by planning again.

    Raises:
        PlanRefused: not a plan, or not what planning from its inputs gives (``not_reproducible``).
    """
    try:
        if not isinstance(value, dict):
            raise TypeError("not an object")
        plan = make_dp_plan(SealedFacts.from_json(value["facts"]), DpRequest(**value["request"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanRefused("not_a_plan", f"not a plan in the form {FORMAT}") from error
    if plan.to_json() != value:
        raise PlanRefused("not_reproducible", "the plan is not what its inputs give; make it with make_dp_plan")
    return plan


def _require_request(facts: SealedFacts, request: DpRequest) -> None:
    if request.algorithm != ALGORITHM:
        raise PlanRefused("unknown_algorithm", f"sealed records are trained on with {ALGORITHM}")
    if request.epsilon > facts.limit_epsilon or request.delta > facts.limit_delta:
        raise PlanRefused(
            "above_limit",
            f"epsilon = {request.epsilon:g} at delta = {request.delta:g} is more than the owner of the data set allows:"
            f" epsilon = {facts.limit_epsilon:g} at delta = {facts.limit_delta:g} for everything ever released",
        )
    _require(0 < request.epsilon <= MAX_EPSILON, f"epsilon must be in (0, {MAX_EPSILON:.0f}]")
    _require(
        MIN_DELTA <= request.delta <= 1 / facts.n_units,
        f"delta must be in [{MIN_DELTA:.0e}, 1 / number of units]: a larger one allows to publish a unit outright",
    )
    for name, known in _KNOWN.items():
        _require(getattr(request, name) in (None, *known), f"{name} must be one of {', '.join(known)}")
    _require(
        request.batch_size is None or 1 <= request.batch_size <= facts.n_units,
        f"batch_size must be 1 to the number of units, {facts.n_units}",
    )
    _require(request.steps is None or 1 <= request.steps <= rule.MAX_STEPS, f"steps must be 1 to {rule.MAX_STEPS}")
    rate, clip, canaries = request.learning_rate, request.l2_norm_clip, request.canaries
    _require(rate is None or 0 < rate < inf, "learning_rate must be a number above 0")
    _require(
        clip is None or rule.LEAST_CLIP <= clip <= rule.MOST_CLIP,
        f"l2_norm_clip must be {rule.LEAST_CLIP:g} to {rule.MOST_CLIP:g}: beyond that float32 cannot hold its square",
    )
    _require(
        canaries == 0 or (2 <= canaries <= rule.MAX_CANARIES and 2 * canaries * request.delta <= 1),
        f"canaries must be 0, or 2 to the smaller of {rule.MAX_CANARIES} and 1 / (2 delta)",
    )


def _config(facts: SealedFacts, request: DpRequest) -> ModelConfig:
    try:
        config = config_from_json(request.model or rule.model_for(facts.schema, facts.n_features))
    except InvalidModelConfig as error:
        raise PlanRefused("wrong_model", str(error)) from error
    require_fits(config, facts)
    _require(request.canaries <= parameter_bound(config), "a model has room for one canary for each of its numbers")
    return config


def _sampler(facts: SealedFacts, request: DpRequest, batch_size: int) -> Sampler:
    """Canaries are units beside those of the records, drawn by the same sampler: they need places too."""
    rate = batch_size / facts.n_units
    if request.sampler != "truncated_poisson":
        return PoissonSampler(rate)
    drawn_from = facts.n_units + request.canaries
    expected = rate * drawn_from
    return TruncatedPoissonSampler(rate, min(drawn_from, ceil(expected + _CUT_DEVIATIONS * sqrt(expected)) + 32))


def _slack(facts: SealedFacts, request: DpRequest, model: dict[str, Any], sampler: Sampler, steps: int) -> float:
    """What delta pays for noise that a computer draws, and for samples that are cut."""
    cut = 0.0
    if isinstance(sampler, TruncatedPoissonSampler):
        cut = float(binom.sf(sampler.max_units, facts.n_units + request.canaries, sampler.sampling_rate))
    needed = slack(request.epsilon, parameter_bound(config_from_json(model)), steps, cut)
    shares = ceil(needed / request.delta * SLACK_SHARES)
    if 2 * shares > SLACK_SHARES:
        raise PlanRefused(
            "delta_too_small",
            f"delta = {request.delta:.3g} must be above {2 * needed:.3g} for a model of this size, so many steps, this"
            " epsilon and this sampler",
        )
    return request.delta * shares / SLACK_SHARES


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise PlanRefused("out_of_range", message)
