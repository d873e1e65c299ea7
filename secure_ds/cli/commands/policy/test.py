"""`secure-ds policy test`."""

from pathlib import Path

import click
from pydantic import BaseModel

from policies import PolicyEngine, shipped_directory
from policies.cases import check_cases
from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.client.errors import ClientError


class PolicyCasesFailed(ClientError):
    """The policies do not give the answers that the cases demand."""

    code = "policy_cases_failed"


class CaseReport(BaseModel):
    """How many cases were asked, and what is wrong."""

    directory: str
    cases: int
    problems: list[str]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True), required=False)
@as_json
def test(directory: Path | None, as_json: bool) -> None:
    """Run the policy cases shipped with this version.

    Every role, action and tenancy is asked, and every policy must make a difference. With DIRECTORY, policies and cases
    of your own are tested instead.

    \b
    Example:
      secure-ds policy test
    """
    directory = directory or shipped_directory()
    found = check_cases(PolicyEngine.load(directory), directory / "cases")
    report = CaseReport(directory=str(directory), cases=found.cases, problems=list(found.problems))
    Printer(as_json=as_json).one(report, {"cases": report.cases, "problems": report.problems or "none"})
    if report.problems:
        raise PolicyCasesFailed(f"{len(report.problems)} problems, the first: {report.problems[0]}")
