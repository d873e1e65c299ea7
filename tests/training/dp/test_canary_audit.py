"""The canary audit on small runs: an honest engine passes, broken ones are caught.

All randomness is seeded. Error probabilities, for fresh seeds, at epsilon = 3, 16 steps, sampling rate 1/4 and 4000
canaries, of which 2000 are tested: an honest run is stopped with probability 1e-3 at most (the audit's own). It guesses
at most 61.5 % right and is stopped from 65.2 % on. With half the noise 71.8 % are right, at twice the sampling rate
71.5 %, without clipping 99.5 % (simulated, 200,000 canaries): such a run passes with probability below 1e-9.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.models.mlp.config import MlpConfig
from secure_ds.privacy.canary_audit import AuditContradictsClaim, AuditResult, audit_verdict
from secure_ds.privacy.empirical import epsilon_lower_bound
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.canaries import (
    CanariesNeedPoisson,
    CanaryAudit,
    CanaryProbe,
    TooManyCanaries,
    flip_coins,
)
from secure_ds.training.dp.engine import bookkeeping, make_engine
from secure_ds.training.dp.loop import TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from secure_ds.training.dp.performance import Performance
from secure_ds.training.dp.plan import DpPlan, DpRequest, SealedFacts, make_dp_plan
from secure_ds.training.dp.samplers import PoissonSampler, draw_units
from secure_ds.training.dp.unit_records import UnitRecords

RECORDS, FEATURES, CANARIES, DELTA = 400, 20, 4000, 1e-5
MODEL = MlpConfig(FEATURES, (200,), 4)
PERFORMANCE = Performance(device="cpu", micro_batch=1024)


class SeededNoise:
    """Gaussian noise that tests can repeat; `scale` breaks it."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        self.random, self.scale = torch.Generator().manual_seed(seed), scale

    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        return {
            name: each + self.scale * standard_deviation * torch.randn(each.shape, generator=self.random)
            for name, each in sums.items()
        }


def plan_for(**changes: object) -> DpPlan:
    classes = ["a", "b", "c", "d"]
    facts = SealedFacts(
        dataset_id="d",
        descriptor_digest="0" * 64,
        n_rows=RECORDS,
        n_units=RECORDS,
        rows_per_unit=1,
        unit="record",
        schema={"kind": "table", "label": {"name": "label", "classes": classes}},
        n_features=FEATURES,
        limit_epsilon=10.0,
        limit_delta=DELTA,
        orders=(2.0, 8.0),
    )
    wishes = {"epsilon": 3.0, "steps": 16, "batch_size": 100, "l2_norm_clip": 0.5, "canaries": CANARIES, **changes}
    return make_dp_plan(facts, DpRequest("sealed_dp_sgd", delta=DELTA, purpose="test", model=MODEL.to_json(), **wishes))


def audited(plan: DpPlan, noise: object, rate: float | None = None, seed: int = 1) -> AuditResult:
    """Train with canaries; return what the audit found."""
    torch.set_num_threads(1)
    random = np.random.default_rng(seed)

    model = build_model(MODEL, 0)
    inputs = random.standard_normal((RECORDS, FEATURES)).astype(np.float32)
    records = UnitRecords(inputs, random.integers(0, 4, RECORDS), np.arange(RECORDS), RECORDS, 1)
    engine: Callable[[nn.Module], object] = partial(
        make_engine, "bookkeeping", task="classify", clipping=plan.clipping, performance=PERFORMANCE
    )
    sampler = PoissonSampler(plan.sampler.sampling_rate if rate is None else rate)
    audit = CanaryAudit(
        plan,
        dict(model.named_parameters()),
        engine(model),
        engine,
        noise,
        lambda: draw_units(sampler, RECORDS + CANARIES, random.bytes),
        RECORDS,
        random.random(CANARIES) < 0.5,
    )
    run = TrainingRun(plan, model, audit, records, audit, audit.draw)
    for _ in range(plan.steps):
        run.step()
    return audit.result()


def test_honest_engine_passes() -> None:
    plan = plan_for()
    result = audited(plan, SeededNoise(2))
    audit_verdict(plan.epsilon_after(plan.steps), DELTA, result)
    assert 0.3 < result.lower_bound < 3.0
    assert result.canaries == CANARIES


def test_noise_at_half_scale_is_caught() -> None:
    plan = plan_for()
    result = audited(plan, SeededNoise(2, scale=0.5))
    assert result.right_of_tested > 0.69 * result.tested
    with pytest.raises(AuditContradictsClaim):
        audit_verdict(plan.epsilon_after(plan.steps), DELTA, result)


def test_clipping_off_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "clipping_factors", lambda squares, _: torch.ones_like(squares))
    plan = plan_for()
    result = audited(plan, SeededNoise(2))
    assert result.right_of_tested > 0.95 * result.tested
    with pytest.raises(AuditContradictsClaim):
        audit_verdict(plan.epsilon_after(plan.steps), DELTA, result)


def test_twice_the_accounted_sampling_rate_is_caught() -> None:
    plan = plan_for()
    result = audited(plan, SeededNoise(2), rate=2 * plan.sampler.sampling_rate)
    with pytest.raises(AuditContradictsClaim):
        audit_verdict(plan.epsilon_after(plan.steps), DELTA, result)


def test_no_noise_is_caught_without_assuming_independence() -> None:
    """Steinke's bound alone, with what a run of full batches without noise gives: the claim of 0.25 is disproved."""
    plan = plan_for(epsilon=0.25, batch_size=RECORDS)
    result = audited(plan, SeededNoise(2, scale=1e-3))
    assert epsilon_lower_bound(result.canaries, result.guesses, result.right, DELTA, result.error / 3) > 0.25


def test_canaries_leave_the_records_part_alone() -> None:
    """Sums with canaries minus sums without are the clipping bound at the coordinates of those drawn and in."""

    plan, model = plan_for(), build_model(MODEL, 0)
    engine = partial(make_engine, "bookkeeping", task="classify", clipping=plan.clipping, performance=PERFORMANCE)
    included = np.arange(CANARIES) % 2 == 0
    drawn = np.array([3, 7, RECORDS, RECORDS + 1, RECORDS + 10], dtype=np.int64)
    audit = CanaryAudit(
        plan, dict(model.named_parameters()), engine(model), engine, NoiseSource(), lambda: drawn, RECORDS, included
    )
    assert audit.draw().tolist() == [3, 7]
    batch = Batch(torch.ones(2, FEATURES), torch.zeros(2, dtype=torch.long), torch.ones(2))
    plain, watched = engine(model).clipped_sum(batch), audit.clipped_sum(batch)
    difference = torch.cat([(watched[name] - plain[name]).flatten() for name in plain])
    clip = plan.clipping.l2_norm_clip
    assert torch.isclose(difference, torch.tensor(clip), rtol=1e-4).sum() == 2  # canaries 0 and 10; 1 is out
    assert difference.abs().sum() == pytest.approx(2 * clip, rel=1e-4)


@pytest.mark.parametrize("kind", ["bookkeeping", "ghost", "hooks"])
def test_every_engine_clips_the_probe(kind: str) -> None:
    """A canary's gradient is a thousand clipping bounds long; its part of the sum is the bound, at its own number."""
    plan = plan_for()
    probe = make_engine(kind, CanaryProbe(50, 1e3 * 0.5), "classify", plan.clipping, PERFORMANCE)
    ids = torch.tensor([4, 9])
    (sums,) = probe.clipped_sum(Batch(ids, torch.zeros_like(ids), torch.ones(2))).values()
    assert torch.nonzero(sums.flatten()).flatten().tolist() == [4, 9]
    torch.testing.assert_close(sums.flatten()[ids], torch.full((2,), 0.5), rtol=1e-4, atol=0)


def test_with_the_real_noise_and_coins_it_runs() -> None:
    """No verdict here: it could, rarely, be a false alarm."""
    included = flip_coins(4001)
    assert included.dtype == np.bool_ and len(included) == 4001
    assert 1700 < included.sum() < 2300  # 9 standard deviations: below 1e-20
    result = audited(plan_for(steps=2), NoiseSource())
    assert "canaries were added" in result.effect and len(result.effect) <= 500
    assert result.to_json()["confidence"] == pytest.approx(0.999)


def test_what_cannot_be_audited_is_refused() -> None:
    plan = plan_for()
    tiny = {"w": torch.zeros(3)}
    with pytest.raises(TooManyCanaries):
        CanaryAudit(plan, tiny, None, None, None, None, RECORDS, np.zeros(4, dtype=bool))
    cut = plan_for(sampler="truncated_poisson")
    with pytest.raises(CanariesNeedPoisson):
        CanaryAudit(cut, tiny, None, None, None, None, RECORDS, np.zeros(2, dtype=bool))
