"""What every demonstration measures, and the closing table it ends with."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.table import Table

from audit.verify import Report, TrustedKey, verify_export
from secure_ds.cli.printing import console
from secure_ds.client.client import Client
from secure_ds.client.trust import TrustFile
from secure_ds.client.verify import ModelReport, verify_model
from secure_ds.wire.datasets import BudgetView
from secure_ds.wire.jobs import JobView

TENANT, PURPOSE = "clinic", "research"
MODEL_FILE, CERTIFICATE_FILE = "model.safetensors", "certificate.json"


class DemonstrationFailed(Exception):
    """A check of the demonstration did not hold."""

    code = "demonstration_failed"


@dataclass
class Outcome:
    """What the closing table shows.

    Attributes:
        private: what the private model's accuracy is of, in words; `plain` likewise.
        steps: what one step releases, in words.
    """

    private: str
    plain: str
    steps: str
    seconds: dict[str, float] = field(default_factory=dict)
    bytes_up: int = 0
    bytes_down: int = 0
    private_accuracy: float = 0.0
    plain_accuracy: float = 0.0
    job: JobView | None = None
    budget: BudgetView | None = None
    certificate: ModelReport | None = None
    log: Report | None = None
    checkpoint_size: int = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one phase and say that it began."""
        console(sys.stderr).print(f"[bold]{name}[/bold] ...")
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started


def closing_table(outcome: Outcome) -> Table:
    """The one table a demonstration ends with."""
    job, budget, log = outcome.job, outcome.budget, outcome.log
    if job is None or budget is None or log is None:
        raise ValueError("the demonstration is not over")
    rows = {
        outcome.private: f"{outcome.private_accuracy:.1%}",
        outcome.plain: f"{outcome.plain_accuracy:.1%}",
        "privacy spent": f"epsilon = {budget.epsilon_spent:.4g}, delta = {budget.delta:g}",
        "privacy left": f"epsilon = {budget.epsilon_left:.4g} of {budget.epsilon_limit:g}",
        "neighbours, accountant": f"{budget.neighbours}; {budget.accountant}",
        "steps": f"{job.steps_done} ({outcome.steps})",
        **{f"seconds: {name}": f"{seconds:.2f}" for name, seconds in outcome.seconds.items()},
        "bytes up": f"{outcome.bytes_up:,}",
        "bytes down": f"{outcome.bytes_down:,}",
        "certificate": "verified offline" if outcome.certificate and outcome.certificate.passed else "NOT verified",
        "audit log": f"{log.size} entries, verified offline; checkpoint at size {outcome.checkpoint_size}",
    }
    table = Table(title="secure_ds: one job, end to end", box=box.SIMPLE_HEAD, show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def fetch_model(outcome: Outcome, owner: Client, trust: TrustFile, url: str, job: JobView, directory: Path) -> None:
    """Download model and certificate, and verify them with the pinned keys alone.

    Raises:
        DemonstrationFailed: there is no model.
    """
    if job.model_id is None:
        raise DemonstrationFailed(f"the job {job.state}: {job.failure}")
    with outcome.phase("download and verify offline"):
        model = owner.model(job.model_id)
        weights, certificate = owner.download_weights(model), owner.download_certificate(model)
        (directory / MODEL_FILE).write_bytes(weights)
        (directory / CERTIFICATE_FILE).write_bytes(certificate)
        outcome.certificate = verify_model(certificate, weights, trust.pinned(url))
    outcome.bytes_down += len(weights) + len(certificate)


def verify_log(outcome: Outcome, officer: Client, trust: TrustFile, url: str, directory: Path) -> None:
    """Export the audit log and verify it offline."""
    with outcome.phase("export the audit log and verify it offline"):
        export = b"".join(officer.export_audit())
        (directory / "audit.jsonl").write_bytes(export)
        key = TrustedKey.parse(trust.pinned(url).checkpoint_key)
        outcome.log = verify_export(export.decode().splitlines(), [key])
        outcome.checkpoint_size = officer.checkpoint().size
    outcome.bytes_down += len(export)


def require_verified(outcome: Outcome) -> None:
    """Raise `DemonstrationFailed` unless certificate and log both held."""
    if outcome.certificate is None or not outcome.certificate.passed:
        raise DemonstrationFailed("the certificate does not verify")
    if outcome.log is None or not outcome.log.ok:
        raise DemonstrationFailed("the audit log does not verify")
