"""What the API lets one ask for is what the log can answer."""

from typing import get_args

from audit.entry import Outcome
from secure_ds.wire.audit import AuditQuery


def test_outcomes_that_can_be_asked_for_are_those_of_the_log() -> None:
    (named, _none) = get_args(AuditQuery.model_fields["outcome"].annotation)
    assert set(get_args(named)) == set(Outcome)
