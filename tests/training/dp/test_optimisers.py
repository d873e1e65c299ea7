"""Updates from noisy gradients."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.dp.checkpoint import CheckpointRefused
from secure_ds.training.dp.optimisers import DpAdam, learning_rate, make_optimiser
from tests.training.dp.examples import settings

GRADIENTS = [torch.tensor([[0.5, -1.0]]), torch.tensor([[2.0, 0.25]]), torch.tensor([[-0.1, 0.3]])]


def updated(kind: str, noise: float = 0.0, **changes: float) -> torch.Tensor:
    weights = torch.tensor([[1.0, -2.0]])
    optimiser = make_optimiser(settings(kind, **changes), len(GRADIENTS), {"w": weights}, noise)
    for step, gradient in enumerate(GRADIENTS):
        optimiser.update({"w": gradient.clone()}, step)
    return weights


def reference(optimiser: type[torch.optim.Optimizer], **options: object) -> torch.Tensor:
    weights = torch.nn.Parameter(torch.tensor([[1.0, -2.0]]))
    torchs = optimiser([weights], lr=0.1, **options)
    for gradient in GRADIENTS:
        weights.grad = gradient.clone()
        torchs.step()
    return weights.detach()


def test_sgd_with_momentum_is_torchs() -> None:
    torch.testing.assert_close(updated("dp_sgd", momentum=0.9), reference(torch.optim.SGD, momentum=0.9))


def test_adam_without_noise_is_torchs() -> None:
    expected = reference(torch.optim.AdamW, weight_decay=0.3)
    torch.testing.assert_close(updated("dp_adamw", weight_decay=0.3), expected)


def test_adam_forgets_the_noises_variance() -> None:
    """On gradients of signal s and noise tau, sqrt(v^ - tau^2) is near s; plain Adam divides by sqrt(s^2 + tau^2)."""
    generator, tau, signal, steps = torch.Generator().manual_seed(0), 1.0, 0.5, 4000
    weights = torch.zeros(200)
    optimiser = make_optimiser(settings("dp_adam", learning_rate=1.0), steps, {"w": weights}, tau)
    for step in range(steps):
        before = weights.clone()
        optimiser.update({"w": signal + tau * torch.randn(200, generator=generator)}, step)
    assert float((before - weights).mean()) == pytest.approx(1.0, abs=0.1)  # 0.45 without the correction


def test_noise_alone_moves_no_weight_far_in_one_step() -> None:
    generator, weights = torch.Generator().manual_seed(0), torch.zeros(10_000)
    optimiser = make_optimiser(settings("dp_adam", learning_rate=1.0), 50, {"w": weights}, 3.0)
    for step in range(50):
        before = weights.clone()
        optimiser.update({"w": 3.0 * torch.randn(10_000, generator=generator)}, step)
        assert (weights - before).square().mean().sqrt() < 1.5
        assert torch.isfinite(weights).all()


@pytest.mark.parametrize("kind", ["dp_sgd", "dp_adam"])
def test_a_run_in_two_pieces_is_the_run_in_one(kind: str) -> None:
    chosen = settings(kind, momentum=0.9)
    first, second = torch.zeros(1, 2), torch.zeros(1, 2)
    whole = make_optimiser(chosen, 3, {"w": first}, 0.1)
    broken = make_optimiser(chosen, 3, {"w": second}, 0.1)
    for step, gradient in enumerate(GRADIENTS):
        whole.update({"w": gradient}, step)
        broken.update({"w": gradient}, step)
        state = {name: each.clone() for name, each in broken.state().items()}
        broken = make_optimiser(chosen, 3, {"w": second}, 0.1)
        broken.load_state(state)
    assert torch.equal(first, second)


def test_another_optimisers_state_is_refused() -> None:
    state = make_optimiser(settings("dp_sgd"), 3, {"w": torch.zeros(2)}, 0.1).state()
    for kind, shape in (("dp_adam", 2), ("dp_sgd", 3)):
        with pytest.raises(CheckpointRefused):
            make_optimiser(settings(kind), 3, {"w": torch.zeros(shape)}, 0.1).load_state(state)


@given(st.integers(0, 20), st.integers(1, 200), st.sampled_from(["constant", "cosine"]))
def test_schedules_stay_between_zero_and_the_rate(warmup: int, steps: int, schedule: str) -> None:
    chosen = settings("dp_sgd", schedule=schedule, warmup_steps=warmup, learning_rate=0.3)
    rates = [learning_rate(chosen, step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.3 for rate in rates)
    assert rates[: min(warmup, steps)] == sorted(rates[: min(warmup, steps)])
    if warmup < steps:
        assert max(rates) == pytest.approx(0.3)


def test_the_cosine_is_half_way_down_in_the_middle() -> None:
    chosen = settings("dp_sgd", schedule="cosine", warmup_steps=10, learning_rate=2.0)
    assert learning_rate(chosen, 60, 110) == pytest.approx(1.0)
    assert learning_rate(chosen, 9, 110) == 2.0


def test_the_floor_is_what_noise_makes_of_the_second_moment() -> None:
    """v^ of standard Gaussian noise has this standard deviation, after one step and after many."""
    optimiser = DpAdam(settings("dp_adam", beta2=0.9), 200, {"w": torch.zeros(1)}, 1.0)
    assert optimiser._floor(0) == pytest.approx(math.sqrt(2))
    generator, second = torch.Generator().manual_seed(3), torch.zeros(100_000)
    for _ in range(200):
        second.lerp_(torch.randn(100_000, generator=generator) ** 2, 0.1)
    assert optimiser._floor(199) == pytest.approx(float(second.std()), rel=0.02)
