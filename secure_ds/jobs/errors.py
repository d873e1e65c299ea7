"""Errors of the jobs room."""

from typing import ClassVar


class JobsError(Exception):
    """Root of everything this room raises on purpose."""

    code: ClassVar[str] = "jobs_error"


class IllegalTransition(JobsError):
    """A move that no life allows; whoever asked for it has read an old state, or has a defect.

    Attributes:
        origin: the state the subject is in.
        target: the state asked for.
    """

    code: ClassVar[str] = "illegal_transition"

    def __init__(self, subject: str, origin: str, target: str, legal: list[str]) -> None:
        allowed = " or ".join(sorted(legal)) if legal else "nowhere, it is final"
        super().__init__(f"a {subject} cannot go from {origin} to {target}; from {origin} it can go to {allowed}")
        self.origin = origin
        self.target = target
