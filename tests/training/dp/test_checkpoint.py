"""Sealed checkpoints: nobody else's opens, and a run that goes on from one draws anew."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.dp.checkpoint import Checkpoint, CheckpointRefused, CheckpointSeal
from secure_ds.training.dp.loop import TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from tests.training.dp.examples import HandPlan, PerSampleEngine, linear_model, records, settings

KEYS = [b"k" * 32]
SEALED = CheckpointSeal(KEYS, "job", "plan").seal(Checkpoint(3, {"w": torch.arange(4.0)}, {"m.w": torch.ones(2)}))


def run(plan: HandPlan, checkpoint: Checkpoint | None = None) -> TrainingRun:
    model = linear_model()
    draw = lambda: np.array([1, 2], dtype=np.int64)  # noqa: E731
    return TrainingRun(plan, model, PerSampleEngine(model, 0.5), records(), NoiseSource(), draw, checkpoint)


def test_what_was_sealed_comes_back() -> None:
    opened = CheckpointSeal(KEYS, "job", "plan").open(SEALED)
    assert opened.steps_done == 3
    assert torch.equal(opened.model["w"], torch.arange(4.0))
    assert torch.equal(opened.optimiser["m.w"], torch.ones(2))


@pytest.mark.parametrize(
    "other",
    [
        CheckpointSeal([b"x" * 32], "job", "plan"),
        CheckpointSeal([b"k" * 32, b"x" * 32], "job", "plan"),
        CheckpointSeal(KEYS, "job2", "plan"),
        CheckpointSeal(KEYS, "job", "plan2"),
    ],
)
def test_another_jobs_seal_does_not_open_it(other: CheckpointSeal) -> None:
    with pytest.raises(CheckpointRefused):
        other.open(SEALED)


@given(st.integers(0, 8 * len(SEALED) - 1))
def test_no_bit_can_be_changed(bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CheckpointRefused):
        CheckpointSeal(KEYS, "job", "plan").open(bytes(changed))


@given(st.integers(0, len(SEALED) - 1))
def test_a_piece_is_refused_with_the_same_error(length: int) -> None:
    with pytest.raises(CheckpointRefused, match="not of this job"):
        CheckpointSeal(KEYS, "job", "plan").open(SEALED[:length])


def test_neither_key_nor_weights_show_in_it() -> None:
    weights = os.urandom(64)
    seal = CheckpointSeal([b"K" * 32], "job", "plan")
    sealed = seal.seal(Checkpoint(1, {"w": torch.frombuffer(bytearray(weights), dtype=torch.uint8)}, {}))
    assert weights not in sealed
    assert b"K" * 32 not in sealed


@pytest.mark.parametrize("kind", ["dp_sgd", "dp_adamw"])
def test_a_run_goes_on_where_it_stood(kind: str) -> None:
    plan = HandPlan(optimiser=settings(kind, momentum=0.9))
    first = run(plan)
    first.step()
    first.step()
    seal = CheckpointSeal(KEYS, "job", "plan")
    second = run(plan, seal.open(seal.seal(first.checkpoint())))
    assert second.steps_done == 2
    for name, each in first.checkpoint().model.items():
        assert torch.equal(each, second.checkpoint().model[name])
    for name, each in first.optimiser.state().items():
        assert torch.equal(each, second.optimiser.state()[name])


@pytest.mark.parametrize(
    "wrong",
    [
        Checkpoint(6, dict(linear_model().named_parameters()), {}),
        Checkpoint(1, {"weight": torch.zeros(3, 4)}, {}),
        Checkpoint(1, dict(linear_model().named_parameters()), {}),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(wrong: Checkpoint) -> None:
    with pytest.raises(CheckpointRefused):
        run(HandPlan(), wrong)
