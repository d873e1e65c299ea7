"""The seam has two sides of one shape: the use cases, and the simulator the API is tested with."""

import inspect

import pytest

from api.verbs import Verbs
from secure_ds.services.facade import Services
from tests.simulators.services import SimulatedService

NAMES = [name for name, _ in inspect.getmembers(Verbs, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("implementation", [Services, SimulatedService])
@pytest.mark.parametrize("name", NAMES)
def test_every_verb_is_implemented_with_the_same_signature(implementation: type, name: str) -> None:
    assert inspect.signature(getattr(implementation, name)) == inspect.signature(getattr(Verbs, name))
