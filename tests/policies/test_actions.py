"""The enum of actions and the schema know the same actions."""

import re

from policies import Action
from policies.sources import SCHEMA, shipped_directory


def test_schema_and_enum_name_the_same_actions() -> None:
    schema = (shipped_directory() / SCHEMA).read_text()
    declarations = re.findall(r"^action (.*?) appliesTo", schema, re.MULTILINE | re.DOTALL)
    named = re.findall(r'"([^"]+)"', " ".join(declarations))
    assert sorted(named) == sorted(Action)


def test_actions_are_alphabetised_and_have_one_form() -> None:
    assert list(Action) == sorted(Action)
    assert all(re.fullmatch(r"[a-z]+:[a-z]+(_[a-z]+)*", action) for action in Action)
    assert all(action.name == action.value.upper().replace(":", "_") for action in Action)
