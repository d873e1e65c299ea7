"""What may leave a trainer: a model whose own audit disproves its claim may not."""

from types import SimpleNamespace
from typing import Any

import pytest

from secure_ds.privacy.canary_audit import AuditContradictsClaim, AuditResult
from secure_ds.trainer.releases import Releases

CLAIMED, DELTA, STEPS = 3.0, 1e-5, 10


def releases() -> Releases:
    """The releases of a job that claims epsilon = 3."""
    request = SimpleNamespace(delta=DELTA)
    plan = SimpleNamespace(steps=STEPS, request=request, epsilon_after={STEPS: CLAIMED}.__getitem__)
    nobody: Any = None
    order: Any = SimpleNamespace(plan=plan, steps_spent=STEPS)
    return Releases(order, nobody, nobody)


def audit(lower_bound: float) -> Any:
    """An audit that found this lower bound."""
    found = AuditResult(1000, 500, 250, 240, 500, 480, DELTA, lower_bound)
    return SimpleNamespace(result=lambda: found)


def test_a_model_whose_audit_disproves_the_claim_does_not_leave() -> None:
    with pytest.raises(AuditContradictsClaim):
        releases()._evidence(audit(CLAIMED + 1e-6))


def test_what_an_audit_found_within_the_claim_is_handed_on() -> None:
    assert releases()._evidence(audit(CLAIMED))["epsilon_lower_bound"] == CLAIMED
