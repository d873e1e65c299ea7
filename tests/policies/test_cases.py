"""All cases hold, they cover every role, action and tenancy, and a changed policy is noticed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policies import Action, CaseFileError, PolicyEngine, shipped_directory
from policies.cases import SUBJECTS, TENANCIES, check_cases, gaps, load_cases, unproven, wrong_answers

CASES = shipped_directory() / "cases"


def edited(file: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        text = (directory / file).read_text()
        assert old in text
        (directory / file).write_text(text.replace(old, new, 1))

    return edit


def test_every_case_gets_its_answer_and_nothing_is_unproven(engine: PolicyEngine) -> None:
    report = check_cases(engine, CASES)
    assert report.problems == ()
    assert report.passed
    assert report.cases >= len(Action) * len(SUBJECTS) * len(TENANCIES)


BREAKAGES = {
    "operators get weights": edited("permit/operator.cedar", 'Action::"job:list"', 'Action::"model:download"'),
    "any tenant": edited("forbid/tenant.cedar", "resource in principal.tenant", "true"),
    "clearance off by one": edited("forbid/clearance.cedar", ">= resource", "+ 1 >= resource"),
    "budget off by one": edited("forbid/budget.cedar", "<= context.epsilon_left", "<= context.epsilon_left + 1"),
    "partners for ever": edited("forbid/tenant.cedar", "resource.partners.contains(principal.tenant)", "true"),
    "any collaboration": edited("forbid/tenant.cedar", "resource.collaboration == context.collaboration", "true"),
    "consent is for others": edited("forbid/consent.cedar", "resource.partners.contains(principal.tenant)", "true"),
    "any purpose": edited("forbid/purpose.cedar", "resource.purposes.contains(context.purpose)", "true"),
    "ready too early": edited("forbid/state.cedar", '"ready" }', '"checking" }'),
    "keys at any door": edited("forbid/door.cedar", 'context.door == "custodian"', 'context.door != "http"'),
    "ownership of roles": edited("permit/data_owner.cedar", "&& resource.data_owner == principal", ""),
    "a permit too many": edited(
        "permit/worker.cedar", "@id", '@id("all") @says("All.") permit (principal, action, resource);\n@id'
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES.keys())
def test_a_changed_policy_is_noticed(directory: Path, breakage: Callable[[Path], None]) -> None:
    breakage(directory)
    report = check_cases(PolicyEngine.load(directory), CASES)
    assert not report.passed
    assert any("must be" in problem for problem in report.problems)


def test_a_problem_names_the_row_and_both_reasons(directory: Path) -> None:
    BREAKAGES["any tenant"](directory)
    problems = wrong_answers(PolicyEngine.load(directory), load_cases(CASES))
    assert (
        "DENY/audit.query.json row 1: must be refused by other-tenant, but was decided by compliance-officer-audits"
        in problems
    )


def test_the_right_answer_for_the_wrong_reason_is_a_problem(engine: PolicyEngine, tmp_path: Path) -> None:
    directory = with_rows(tmp_path, [{"principal": "operator", "tenant": "own", "by": ["other-tenant"]}])
    (problem,) = wrong_answers(engine, load_cases(directory))
    assert problem.endswith("must be refused by other-tenant, but was decided by no_permit")


def test_a_missing_combination_is_a_gap(engine: PolicyEngine) -> None:
    cases = load_cases(CASES)
    rest = [
        case
        for case in cases
        if (case.subject, case.request.action, case.tenancy) != ("operator", Action.MODEL_DOWNLOAD, "own")
    ]
    assert gaps(cases) == []
    assert gaps(rest) == ["no case: operator, model:download, own tenant"]


def test_a_policy_that_no_case_needs_is_reported(engine: PolicyEngine) -> None:
    rest = [case for case in load_cases(CASES) if case.by != ("budget-exceeded",)]
    assert unproven(engine, rest) == ["no case needs the forbid budget-exceeded"]


def test_an_empty_directory_of_cases_is_all_gaps(engine: PolicyEngine, tmp_path: Path) -> None:
    shutil.copy(CASES / "given.json", tmp_path)
    report = check_cases(engine, tmp_path)
    assert report.cases == 0
    assert len(report.problems) == len(Action) * len(SUBJECTS) * len(TENANCIES) + len(engine.rules)


def with_rows(directory: Path, rows: list[Any], **content: Any) -> Path:
    shutil.copy(CASES / "given.json", directory)
    (directory / "DENY").mkdir()
    file = {"action": "model:list", "resource": "Tenant", "rows": rows} | content
    (directory / "DENY" / "model.list.json").write_text(json.dumps(file))
    return directory


@pytest.mark.parametrize(
    "row",
    [
        {"principal": "operator", "tenant": "own"},
        {"principal": "nobody", "tenant": "own", "by": "no_permit"},
        {"principal": "operator", "tenant": "third", "by": "no_permit"},
        {"principal": "operator", "tenant": "own", "by": "whatever"},
        {"principal": "operator", "tenant": "own", "by": "no_permit", "facts": {"principle.clearance": 1}},
        {"principal": "operator", "tenant": "own", "by": "no_permit", "facts": {"principal.clarence": 1}},
        {"principal": "operator", "tenant": "own", "by": "no_permit", "facts": {"principal.clearance": 9}},
        {"principal": "operator", "tenant": "own", "by": "no_permit", "facts": {"context.colour": "red"}},
        {"principal": "operator", "tenant": "own", "by": "no_permit", "facts": {"context.door": "window"}},
    ],
    ids=str,
)
def test_a_row_that_describes_no_request_is_refused(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(CaseFileError, match=r"model\.list\.json row 1"):
        load_cases(with_rows(tmp_path, [row]))


def test_missing_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseFileError, match=r"given\.json is missing"):
        load_cases(tmp_path)
    directory = with_rows(tmp_path, [])
    (directory / "DENY" / "model.list.json").write_text("{")
    with pytest.raises(CaseFileError, match=r"model\.list\.json is missing or is not JSON"):
        load_cases(directory)
