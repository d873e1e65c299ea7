"""Whole models: every family, tied weights, adapters, units of several rows, passes, empty batches, precision."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.engine import make_engine
from secure_ds.training.dp.performance import Performance
from tests.training.dp.engine.oracle import (
    FORMS,
    MODELS,
    TOLERANCE,
    Rule,
    clipped_sum,
    distance,
    expected,
    form,
    tokens,
    unit_gradients,
    vector,
)

BFLOAT16_TOLERANCE = 0.05  # bfloat16 keeps 8 bits: 2^-8 for each product, through some ten layers both ways


@pytest.mark.parametrize("kept", FORMS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [1, 7])
def test_every_family_equals_autograd_and_opacus(name: str, rows: int, kept: str) -> None:
    model, task, batch = MODELS[name](rows)
    for clipping in (Rule(0.3), Rule(1.0, "automatic")):
        wanted = expected(model, task, batch, clipping)
        with form(kept):
            assert distance(clipped_sum(model, task, batch, clipping), wanted) < TOLERANCE
        assert distance(clipped_sum(model, task, batch, clipping, engine="hooks"), wanted) < TOLERANCE
        if name != "tokens, tied":
            assert distance(clipped_sum(model, task, batch, clipping, engine="ghost"), wanted) < TOLERANCE


@given(
    st.sampled_from(sorted(MODELS)),
    st.sampled_from(sorted(FORMS)),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 5),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_units_of_several_rows_are_clipped_whole(
    name: str, kept: str, rows_per_unit: int, units: int, micro_batch: int, data: st.DataObject
) -> None:
    rows = rows_per_unit * units
    model, task, batch = MODELS[name](rows)
    weights = data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=rows, max_size=rows))
    batch = Batch(batch.inputs, batch.targets, torch.tensor(weights), rows_per_unit)
    wanted = expected(model, task, batch, Rule(0.3))
    with form(kept):
        assert distance(clipped_sum(model, task, batch, Rule(0.3), micro_batch=micro_batch), wanted) < TOLERANCE
    hooks = clipped_sum(model, task, batch, Rule(0.3), engine="hooks", micro_batch=micro_batch)
    assert distance(hooks, wanted) < TOLERANCE


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        (engine, name)
        for engine in ("bookkeeping", "hooks", "ghost")
        for name in MODELS
        if (engine, name) != ("ghost", "tokens, tied")  # refused: see `test_refusals`
    ],
)
def test_an_empty_batch_gives_zeros(engine: str, name: str) -> None:
    model, task, batch = MODELS[name](0)
    found = clipped_sum(model, task, batch, engine=engine)
    trainable = {key: each for key, each in model.named_parameters() if each.requires_grad}
    assert found.keys() == trainable.keys()
    for key, each in found.items():
        assert each.shape == trainable[key].shape and each.dtype == torch.float32 and not each.any()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("micro_batch", [1, 3, 7])
def test_passes_add_up(name: str, micro_batch: int) -> None:
    model, task, batch = MODELS[name](7)
    whole = clipped_sum(model, task, batch, Rule(0.3), micro_batch=64)
    assert distance(clipped_sum(model, task, batch, Rule(0.3), micro_batch=micro_batch), whole) < TOLERANCE


@given(
    st.sampled_from(sorted(MODELS)),
    st.sampled_from(sorted(FORMS)),
    st.floats(1e-3, 1e3),
    st.sampled_from(["flat", "automatic"]),
    st.sampled_from(["float32", "bfloat16"]),
    st.floats(0.01, 100),
    st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_no_unit_adds_more_than_the_bound(
    name: str, kept: str, bound: float, kind: str, precision: str, scale: float, seed: int
) -> None:
    model, task, batch = MODELS[name](1, seed)
    with torch.no_grad():
        for each in model.parameters():
            each *= scale
    with form(kept):
        found = clipped_sum(model, task, batch, Rule(bound, kind), precision=precision)
    assert vector(found).norm() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_tight_bounds_are_reached_and_loose_ones_change_nothing(name: str) -> None:
    model, task, batch = MODELS[name](1)
    (gradient,) = unit_gradients(model, task, batch)
    norm = float(vector(gradient).norm())
    tight = vector(clipped_sum(model, task, batch, Rule(norm / 10))).norm()
    assert tight == pytest.approx(norm / 10, rel=TOLERANCE)
    assert distance(clipped_sum(model, task, batch, Rule(norm * 10)), gradient) < TOLERANCE


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kept", FORMS)
def test_bfloat16_is_near_and_sums_are_float32(name: str, kept: str) -> None:
    model, task, batch = MODELS[name](7)
    wanted = expected(model, task, batch, Rule(0.3))
    with form(kept):
        found = clipped_sum(model, task, batch, Rule(0.3), precision="bfloat16")
    assert all(each.dtype == torch.float32 for each in found.values())
    assert TOLERANCE < distance(found, wanted) < BFLOAT16_TOLERANCE


def test_the_cross_term_of_tied_weights_counts() -> None:
    """Without it, the norm would be that of two matrices, and the bound not be reached by either sign of the term."""
    model, task, batch = tokens(7)
    (*_, gradient) = unit_gradients(model, task, batch)
    apart, _, _ = tokens(7, tied=False)
    with torch.no_grad():
        apart.load_state_dict(model.state_dict())
    (*_, two) = unit_gradients(apart, task, batch)
    assert abs(float(vector(two).norm() / vector(gradient).norm()) - 1) > 100 * TOLERANCE


def test_a_compiled_model_gives_each_batch_its_own_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced, but not translated: that would need a C++ compiler where tests run."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    model, task, _ = MODELS["table"](1)
    performance = Performance(device="cpu", compile=True)
    engine = make_engine("bookkeeping", model, task, Rule(0.3), performance)
    for seed in range(3):
        _, _, batch = MODELS["table"](5, seed)
        assert distance(engine.clipped_sum(batch), expected(model, task, batch, Rule(0.3))) < TOLERANCE


@pytest.mark.parametrize("engine", ["bookkeeping", "hooks", "ghost"])
def test_the_model_is_left_as_it_was(engine: str) -> None:
    model, task, batch = tokens(3, tied=False, lora=True)
    before = {name: each.clone() for name, each in model.state_dict().items()}
    flags = [each.requires_grad for each in model.parameters()]
    clipped_sum(model, task, batch, engine=engine)
    assert flags == [each.requires_grad for each in model.parameters()]
    assert all(each.grad is None and not hasattr(each, "grad_sample") for each in model.parameters())
    assert all(not each._forward_hooks and not each._backward_hooks for each in model.modules())
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
