"""Request files that say what the policies must answer, and the runner that holds them to it.

    cases/given.json          the tenants, principals and resources that rows start from
    cases/ALLOW/<action>.json requests that must be allowed, and the permits that must be the reason
    cases/DENY/<action>.json  requests that must be refused, and the forbids that must be the reason

A row names a principal of `given.json`, whether it asks in its own tenant or another's, the facts that differ from what
is given (null: the fact is absent) and what must decide: names of policies, or the basis `no_permit` or `error`.

Besides wrong answers, the runner reports what no case proves: a role, action and tenancy that no row asks about, and a
policy that could be taken away without any row changing its answer.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from policies.actions import Action
from policies.decision import PolicyEngine
from policies.entities import (
    AuditLog,
    Collaboration,
    Dataset,
    Job,
    KeySet,
    Model,
    Network,
    PolicySet,
    Prediction,
    Service,
    Tenant,
    User,
)
from policies.errors import CaseFileError, PolicyError
from policies.request import Context, Request
from policies.rules import VARIABLES
from policies.verdict import Basis, Decision
from policies.vocabulary import Door, Role, ServiceKind

NO_ROLE = "no_role"
SUBJECTS = (*map(str, Role), *map(str, ServiceKind), NO_ROLE)
"""Who every action must be asked about: each role, each kind of process, and a user without any role."""

TENANCIES = ("own", "other")

_EXPECTED = {"ALLOW": True, "DENY": False}
_ENTITIES: Mapping[str, Any] = {
    kind.cedar_type: kind
    for kind in (
        User,
        Service,
        Tenant,
        Dataset,
        Collaboration,
        Job,
        Model,
        Network,
        Prediction,
        KeySet,
        AuditLog,
        PolicySet,
    )
}


@dataclass(frozen=True, slots=True)
class Case:
    """One request and the answer it must get.

    Attributes:
        name: file and row, for messages.
        subject: the principal of `given.json` it is about, one of `SUBJECTS`.
        tenancy: `own` or `other`.
        request: the question.
        allowed: the answer.
        by: names of the policies that must determine it, sorted; or the basis `no_permit` or `error`.
    """

    name: str
    subject: str
    tenancy: str
    request: Request
    allowed: bool
    by: tuple[str, ...] | Basis

    def problem(self, decision: Decision) -> str | None:
        """What is wrong with a decision on this case, or None."""
        found = decision.policy_ids or decision.basis
        if decision.allowed == self.allowed and found == self.by:
            return None
        wanted = "allowed" if self.allowed else "refused"
        return f"{self.name}: must be {wanted} by {_words(self.by)}, but was decided by {_words(found)}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run of all cases found: how many were asked, and every problem in words."""

    cases: int
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every case got its answer and nothing is left unproven."""
        return not self.problems


def check_cases(engine: PolicyEngine, directory: Path) -> Report:
    """Ask every case of a `cases/` directory.

    Raises:
        CaseFileError: a file is missing or is not what the module docstring describes.
    """
    cases = load_cases(directory)
    return Report(len(cases), (*wrong_answers(engine, cases), *gaps(cases), *unproven(engine, cases)))


def wrong_answers(engine: PolicyEngine, cases: Iterable[Case]) -> list[str]:
    """Cases that do not get the answer they must, for the reason they must."""
    problems = (case.problem(engine.decide(case.request)) for case in cases)
    return [problem for problem in problems if problem is not None]


def gaps(cases: Iterable[Case]) -> list[str]:
    """Subjects, actions and tenancies that no case asks about."""
    asked = {(case.subject, str(case.request.action), case.tenancy) for case in cases}
    return [
        f"no case: {subject}, {action}, {tenancy} tenant"
        for action, subject, tenancy in product(map(str, Action), SUBJECTS, TENANCIES)
        if (subject, action, tenancy) not in asked
    ]


def unproven(engine: PolicyEngine, cases: Iterable[Case]) -> list[str]:
    """Policies that could be taken away without any case noticing."""
    sole_reasons: dict[str, list[Case]] = {}
    for case in cases:
        if isinstance(case.by, tuple) and len(case.by) == 1:
            sole_reasons.setdefault(case.by[0], []).append(case)
    return [
        f"no case needs the {rule.effect} {rule.name}"
        for rule in engine.rules
        if not _makes_a_difference(engine, rule.name, sole_reasons.get(rule.name, []))
    ]


def _makes_a_difference(engine: PolicyEngine, name: str, cases: list[Case]) -> bool:
    weakened = engine.without(name)
    return any(weakened.decide(case.request).allowed != case.allowed for case in cases)


def load_cases(directory: Path) -> tuple[Case, ...]:
    """Read every case below a `cases/` directory.

    Raises:
        CaseFileError: a file is missing or is not what the module docstring describes.
    """
    given = _read(directory / "given.json")
    files = [(folder, path) for folder in _EXPECTED for path in sorted((directory / folder).glob("*.json"))]
    return tuple(case for folder, path in files for case in _cases_of(folder, path, given))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CaseFileError(f"case file {path.name} is missing or is not JSON") from error


def _cases_of(folder: str, path: Path, given: Mapping[str, Any]) -> Iterator[Case]:
    content = _read(path)
    for number, row in enumerate(content["rows"], start=1):
        name = f"{folder}/{path.name} row {number}"
        try:
            yield _case(name, _EXPECTED[folder], content, row, given)
        except (KeyError, TypeError, ValueError, PolicyError) as error:
            raise CaseFileError(f"{name} does not describe a request: {error!r}") from error


def _case(name: str, allowed: bool, content: Any, row: Any, given: Mapping[str, Any]) -> Case:
    facts = content.get("facts", {}) | row.get("facts", {})
    subject, tenancy = row["principal"], row["tenant"]
    principal = given["principals"][subject] | {"id": subject, "tenant": given["tenants"][tenancy]}
    resource = given["resources"][content["resource"]] | _placed(content["resource"], given["tenants"]["own"])
    request = Request(
        _entity(principal | _facts_of("principal", facts)),
        Action(content["action"]),
        _entity(resource | _facts_of("resource", facts)),
        _context(_facts_of("context", facts)),
    )
    by = row["by"]
    return Case(name, subject, tenancy, request, allowed, Basis(by) if isinstance(by, str) else tuple(sorted(by)))


def _placed(cedar_type: str, tenant: str) -> dict[str, str]:
    if cedar_type == "Tenant":
        return {"type": cedar_type, "id": tenant}
    return {"type": cedar_type, "id": f"the_{cedar_type.lower()}", "tenant": tenant}


def _facts_of(variable: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    # A misspelt variable would leave the fact as given, and the row would prove something else than it says.
    if unknown := [path for path in facts if path.partition(".")[0] not in VARIABLES]:
        raise ValueError(f"facts begin with {', '.join(VARIABLES)}, not {unknown[0]}")
    prefix = f"{variable}."
    return {path.removeprefix(prefix): value for path, value in facts.items() if path.startswith(prefix)}


def _context(facts: Mapping[str, Any]) -> Context:
    return Context(**{**facts, "door": Door(facts.get("door", Door.HTTP))})


def _entity(described: Mapping[str, Any]) -> Any:
    sets = {name: frozenset(value) for name, value in described.items() if isinstance(value, list)}
    fields = {name: value for name, value in described.items() if name != "type"} | sets
    return _ENTITIES[described["type"]](**fields)


def _words(by: tuple[str, ...] | Basis) -> str:
    return str(by) if isinstance(by, Basis) else " and ".join(by)
