"""Errors of the policy room. Each has a stable `code`; none carries a secret or another tenant's data."""

from typing import ClassVar


class PolicyError(Exception):
    """Root of every error raised here."""

    code: ClassVar[str] = "policy_error"


class PolicyLoadError(PolicyError):
    """The policy directory is missing, incomplete or invalid. Nothing may be decided with it."""

    code: ClassVar[str] = "policy_invalid"


class InvalidFactsError(PolicyError):
    """A caller described a principal, resource or context with values that cannot be."""

    code: ClassVar[str] = "policy_facts_invalid"


class CaseFileError(PolicyError):
    """A case file cannot be read as the cases it claims to hold."""

    code: ClassVar[str] = "policy_cases_invalid"
