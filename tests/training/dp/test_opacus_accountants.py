"""Two libraries on one event: they agree on a grid, and a plan that says otherwise is not trained."""

from dataclasses import replace

import pytest

from secure_ds.privacy.accountants import PLD, RDP, bounds
from secure_ds.privacy.errors import AccountantsDisagree, InvalidPrivacyParameter
from secure_ds.privacy.sampled import SampledGaussian
from secure_ds.training.dp.opacus_accountants import TOLERANCE, prv_epsilon, rdp_epsilon, require_agreement
from secure_ds.training.dp.plan import DpPlan
from tests.training.dp.test_plan import plan_for

EVENTS = [
    SampledGaussian(0.8, 0.01, 1000),
    SampledGaussian(5.0, 0.01, 5000),
    SampledGaussian(1.8, 0.034, 1200),
    SampledGaussian(0.8, 0.05, 200),
    SampledGaussian(3.0, 0.5, 20),
    SampledGaussian(20.0, 1.0, 100),
]


@pytest.mark.parametrize("event", EVENTS)
def test_opacus_agrees(event: SampledGaussian) -> None:
    ours, error = bounds(event, 1e-5), 0.02
    assert rdp_epsilon(event, 1e-5) == pytest.approx(ours[RDP], rel=1e-6, abs=1e-8)
    assert ours[PLD] * (1 - TOLERANCE) <= prv_epsilon(event, 1e-5, error) <= ours[PLD] * (1 + TOLERANCE) + 2 * error


def test_a_plan_is_confirmed() -> None:
    require_agreement(plan_for())


class Overconfident(DpPlan):
    """A plan whose accountants understate epsilon, each by a tenth."""

    @property
    def epsilons(self) -> dict[str, float]:
        return {self.wrong: 0.9 * super().epsilons[self.wrong]}

    wrong = PLD


class OverconfidentRenyi(Overconfident):
    wrong = RDP


@pytest.mark.parametrize("kind", [Overconfident, OverconfidentRenyi])
def test_an_epsilon_that_is_too_small_is_refused(kind: type[DpPlan]) -> None:
    plan = plan_for()
    wrong = kind(**{name: getattr(plan, name) for name in plan.__dataclass_fields__})
    with pytest.raises(AccountantsDisagree, match="by Opacus"):
        require_agreement(wrong)


def test_truncated_events_are_not_for_opacus() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="truncated"):
        rdp_epsilon(replace(EVENTS[0], truncated=(10, 5)), 1e-5)
