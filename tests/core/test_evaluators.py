"""The list of evaluators: a key once, domains as often as they have workers."""

import pytest

from secure_ds.core.evaluators import Evaluator, Evaluators
from secure_ds.core.settings import SettingsError, load_settings

ONE, TWO, THREE = ("ab" * 32, "cd" * 32, "ef" * 32)


def evaluator(domain: str, key: str) -> Evaluator:
    return Evaluator(domain=domain, public_key=key)


def test_a_domain_may_have_many_workers_and_counts_once() -> None:
    listed = Evaluators((evaluator("south", THREE), evaluator("north", ONE), evaluator("north", TWO)))
    assert listed.domains == ("north", "south")
    assert listed.suffice
    assert [listed.domain_of(key) for key in (ONE, TWO, THREE, "00" * 32)] == ["north", "north", "south", None]


def test_many_workers_of_one_domain_do_not_suffice() -> None:
    assert not Evaluators((evaluator("north", ONE), evaluator("north", TWO))).suffice
    assert not Evaluators().suffice


def test_a_key_under_two_domains_is_refused() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        Evaluators((evaluator("north", ONE), evaluator("south", ONE)))


def entries(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"domain": domain, "public_key": key} for domain, key in pairs]


def test_settings_hold_the_list() -> None:
    settings = load_settings({}, evaluators=entries(("north", ONE), ("south", TWO)))
    assert settings.allowed_evaluators.domains == ("north", "south")


def test_settings_from_the_environment_are_json() -> None:
    text = f'[{{"domain": "north", "public_key": "{ONE}"}}]'
    settings = load_settings({"SECURE_DS_EVALUATORS": text})
    assert settings.allowed_evaluators.domain_of(ONE) == "north"


@pytest.mark.parametrize(
    "wrong",
    [
        entries(("north", ONE), ("south", ONE)),
        entries(("North", ONE)),
        entries(("north", ONE[:-1])),
        entries(("north", ONE.upper())),
        [{"domain": "north"}],
        [{"domain": "north", "public_key": ONE, "weight": 2}],
        "[",
        "north",
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: object) -> None:
    with pytest.raises(SettingsError, match="evaluators"):
        load_settings({}, evaluators=wrong)
