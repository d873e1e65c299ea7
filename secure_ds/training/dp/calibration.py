"""How much noise a plan adds, and as which event it is accounted.

Rules kept here:
1. What is accounted is the noise that is added, divided by 1 + what float32 may add to the sensitivity.
2. A truncated sample is a Poisson sample but for cuts. Within the job delta pays for those (`noise_distance.slack`);
   in the ledger, which has no delta to spare, each step is charged for them (`renyi_cost`).
3. Noise is the larger of what the job's own epsilon needs and what the owner's whole limit needs as the ledger counts
   it, which is less tight: so every plan fits into a fresh budget.
"""

from math import ceil

from secure_ds.privacy.accountants import NOISE_GRID, calibrate, least_noise
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.noise_distance import LARGEST_SPREAD, allowance
from secure_ds.privacy.renyi import Cost, RenyiLimit
from secure_ds.privacy.renyi_cost import step_cost
from secure_ds.privacy.sampled import SampledGaussian
from secure_ds.training.dp.facts import DpRequest, SealedFacts
from secure_ds.training.dp.samplers import Sampler, TruncatedPoissonSampler


def accounted_event(noise_multiplier: float, sampler: Sampler, expected_units: float, steps: int) -> SampledGaussian:
    """Return what accountants of the job are given.

    Args:
        noise_multiplier: as added.
        sampler: of the plan.
        expected_units: of a step.
        steps: how many.
    """
    return SampledGaussian(noise_multiplier / (1 + allowance(expected_units)), sampler.sampling_rate, steps)


def ledger_step_cost(
    facts: SealedFacts, request: DpRequest, sampler: Sampler, event: SampledGaussian, n_parameters: int
) -> Cost:
    """Return what one step of an accounted event costs in the ledger."""
    truncated = None
    if isinstance(sampler, TruncatedPoissonSampler):
        truncated = (facts.n_units + request.canaries, sampler.max_units)
    one = SampledGaussian(event.noise_multiplier, event.sampling_rate, 1, truncated)
    return step_cost(one, facts.orders, n_parameters)


def noise_for(
    facts: SealedFacts,
    request: DpRequest,
    sampler: Sampler,
    expected_units: float,
    steps: int,
    n_parameters: int,
    delta: float,
) -> float:
    """Return the noise multiplier of a plan, on its grid.

    Args:
        facts: what the owner signed.
        request: what was asked.
        sampler: of the plan.
        expected_units: of a step.
        steps: of the plan.
        n_parameters: numbers that a step releases.
        delta: what the request's delta leaves to the accountant.

    Raises:
        InvalidPrivacyParameter: no noise is enough, or so much is needed that the noise's grid does not cover it.
    """
    ideal = calibrate(request.epsilon, delta, sampler.sampling_rate, steps)
    wished = ceil(ideal * (1 + allowance(expected_units)) * NOISE_GRID)
    limit = RenyiLimit(facts.limit_epsilon, facts.limit_delta, facts.orders)

    def fits(units: int) -> bool:
        event = accounted_event(units / NOISE_GRID, sampler, expected_units, steps)
        cost = ledger_step_cost(facts, request, sampler, event, n_parameters)
        return limit.admits([steps * each for each in cost])

    units = wished if fits(wished) else least_noise(fits, wished, max(1, wished // 16))
    if (units / NOISE_GRID) ** 2 * n_parameters > LARGEST_SPREAD**2:
        raise InvalidPrivacyParameter("so much noise on so large a model is not proven; take fewer steps")
    return units / NOISE_GRID
