"""Clipping factors: bounded, of one's own norm alone, and zero for what is not finite."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.dp.engine.clipping import GAMMA, clipping_factors
from tests.training.dp.engine.oracle import Rule


@given(st.floats(0, 2.0**100, width=32), st.floats(1e-6, 1e6), st.sampled_from(["flat", "automatic"]))
def test_factor_times_norm_is_at_most_the_bound(norm: float, bound: float, kind: str) -> None:
    square = torch.tensor([norm]).square()
    (factor,) = clipping_factors(square, Rule(bound, kind)).double()
    assert factor >= 0
    assert factor * square.double().sqrt() <= bound or math.isinf(square)
    if kind == "flat":
        assert factor <= 1


def test_flat_leaves_short_gradients_alone_and_automatic_scales_all() -> None:
    squares = torch.tensor([0.0, 0.25, 4.0])
    assert clipping_factors(squares, Rule(1.0, "flat")).tolist() == pytest.approx([1, 1, 0.5])
    wanted = [1 / GAMMA, 1 / (0.5 + GAMMA), 1 / (2 + GAMMA)]
    assert clipping_factors(squares, Rule(1.0, "automatic")).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("kind", ["flat", "automatic"])
def test_what_is_not_finite_is_dropped(kind: str) -> None:
    squares = torch.tensor([math.nan, math.inf, -math.inf])
    assert clipping_factors(squares, Rule(1.0, kind)).tolist() == [0, 0, 0]
