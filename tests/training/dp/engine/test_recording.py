"""One pass's memory is gone when the pass is over, and the model is itself again even after an error."""

import gc
import weakref

import pytest
import torch
from torch import nn

from secure_ds.training.dp.engine import recording as module
from secure_ds.training.dp.engine.ledger import Ledger
from tests.training.dp.engine.oracle import clipped_sum, tokens


def test_nothing_of_a_pass_waits_for_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[weakref.ref[object]] = []
    enter = Ledger.enter

    def noted(self: Ledger, parameter: torch.Tensor, contribution: object) -> None:
        tensors = [getattr(contribution, name) for name in type(contribution).__slots__]
        kept.extend(weakref.ref(each) for each in tensors if isinstance(each, torch.Tensor))
        enter(self, parameter, contribution)

    monkeypatch.setattr(Ledger, "enter", noted)
    model, task, batch = tokens(3)
    gc.disable()
    try:
        clipped_sum(model, task, batch)
        assert kept and all(each() is None for each in kept)
    finally:
        gc.enable()


def test_an_error_on_the_way_leaves_no_hook_and_no_frozen_parameter() -> None:
    layer = nn.Linear(2, 2)
    recording = module.recording([layer], list(layer.parameters()), lambda *_: None)
    with pytest.raises(RuntimeError, match="on the way"), recording:
        assert not any(each.requires_grad for each in layer.parameters())
        raise RuntimeError("on the way")
    assert not layer._forward_hooks and all(each.requires_grad for each in layer.parameters())


def test_each_call_is_heard_once_with_its_own_input() -> None:
    layer, heard = nn.Linear(2, 2), []
    x = torch.randn(3, 2)
    with module.recording([layer], list(layer.parameters()), lambda *call: heard.append(call)) as record:
        record.backward(layer(layer(x)).sum())
    (_, second, g), (_, first, _) = heard
    assert torch.equal(first, x) and torch.equal(second, layer(x)) and torch.equal(g, torch.ones(3, 2))
