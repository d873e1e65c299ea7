"""What must be true after any crash, read from three places that do not share a writer.

The service's database says what was paid, the custodian's journal what was answered, the exported log what happened.
Each check compares two of them; none believes what the service says of itself.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.verify import TrustedKey, verify_export
from secure_ds.client.client import Client
from secure_ds.client.verify import verify_model
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.journal import Journal
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.jobs.lifecycle import JobState
from secure_ds.store.rows import JobRow
from secure_ds.store.unit_of_work import Store
from secure_ds.training.encrypted.model_file import trained_model, write_model
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.service import PublicKeys

Entry = dict[str, Any]
PAGE = 1000


def read_log(officer: Client, keys: PublicKeys, older_checkpoints: Sequence[str] = ()) -> list[Entry]:
    """Export the log, verify it offline with the pinned key, and return the tenant's entries.

    Args:
        officer: a compliance officer's client.
        keys: pinned before anything could go wrong.
        older_checkpoints: kept on the way; the log must still extend each.
    """
    lines = b"".join(officer.export_audit()).splitlines()
    report = verify_export(lines, [TrustedKey.parse(keys.checkpoint_key)], older_checkpoints=older_checkpoints)
    assert report.ok, report.to_json()
    return [json.loads(leaf["entry"]) for line in lines if "entry" in (leaf := json.loads(line))]


@dataclass(frozen=True)
class Evidence:
    """One data set's jobs as database, journal and log show them."""

    store: Store
    journal: Journal
    entries: list[Entry]
    descriptor: DatasetDescriptor

    @property
    def dataset_id(self) -> str:
        """The data set."""
        return self.descriptor.dataset_id

    def check_all(self) -> None:
        """Every check of this class. Raises `AssertionError`."""
        self.check_budget()
        for job in self.jobs():
            self.check_payments(job)
            self.check_entries(job)
            self.check_events(job)

    def jobs(self) -> Sequence[JobRow]:
        """All jobs on the data set, in whatever state."""
        with self.store.read() as work:
            return work.jobs.list(None, None, self.dataset_id, None, PAGE)

    def check_budget(self) -> None:
        """The totals are the sum of what was spent, within the limit, and the same as the custodian's own count."""
        with self.store.read() as work:
            budget, spends = work.ledger.budget(self.dataset_id), work.ledger.spends(self.dataset_id)
        assert budget.spent_units == sum(spend.units for spend in spends)
        assert budget.spent_units + budget.reserved_units <= budget.limit.units
        assert budget.spent_releases == len(spends) <= budget.limit.releases
        assert self.journal.units_spent([self.dataset_id]) <= budget.spent_units
        assert self.journal.releases(self.dataset_id) <= len(spends)

    def check_payments(self, job: JobRow) -> None:
        """What was answered was paid for, at both places, for the same ciphertext; each step has one answer."""
        with self.store.read() as work:
            ledger = {spend.step: spend for spend in work.ledger.spends(self.dataset_id) if spend.job_id == job.id}
            steps = {row.step: row for row in work.steps.list(job.id)}
        journal = {spend.step: spend for spend in self.journal.spends(job.id)}
        answers = dict(enumerate(self.journal.answers(job.id)))
        assert answers.keys() <= journal.keys() <= ledger.keys() == steps.keys()
        for step, paid in journal.items():
            assert (paid.ciphertext_digest, paid.units) == (ledger[step].digest, ledger[step].units)
        for step, row in steps.items():
            assert row.answer is None or list(row.answer) == answers[step]
        if job.state == JobState.SUCCEEDED:
            assert len(answers) == len(ledger) == job.steps_total

    def check_entries(self, job: JobRow) -> None:
        """Every payment, answer and move of a job has its entry, exactly one, with the same content."""
        with self.store.read() as work:
            spends = [spend for spend in work.ledger.spends(self.dataset_id) if spend.job_id == job.id]
        answers = self.journal.answers(job.id)
        own = [entry for entry in self.entries if entry["job_id"] == job.id]
        spent = Counter((spend.step, str(spend.units), spend.digest) for spend in spends)
        assert _details(own, "ledger:spend", "step", "units", "ciphertext") == spent
        answered = Counter((step, digest_of(answer)) for step, answer in enumerate(answers))
        assert _details(own, "key:use", "step", "answer") == answered
        assert _details(own, "job:step", "step", "answer") <= answered
        actions = Counter(entry["action"] for entry in own)
        assert actions["job:admit"] == 1
        assert (actions["job:run"] > 0) == (job.state not in (JobState.ADMITTED, JobState.QUEUED))
        if job.state == JobState.SUCCEEDED:
            assert [actions[last] for last in ("model:train", "job:certify", "model:release")] == [1, 1, 1]

    def check_events(self, job: JobRow) -> None:
        """Watchers were told of each move and step once, in order."""
        with self.store.read() as work:
            told = [event.event for event in work.events.list(job.id, 0, PAGE) if event.event != "attested"]
            steps = sum(row.answer is not None for row in work.steps.list(job.id))
        expected = ["queued", "running", *["step"] * steps, str(job.state)]
        assert told == expected[: len(told)]
        assert len(told) == len(expected) or job.state in (JobState.QUEUED, JobState.RUNNING)

    def check_model(self, job: JobRow, owner: Client, keys: PublicKeys) -> None:
        """The model is what the plan and the custodian's answers make, and its certificate says so."""
        assert (job.state, job.failure) == (JobState.SUCCEEDED, None)
        plan = plan_from_json(job.plan)
        model = owner.model(str(job.model_id))
        weights = owner.download_weights(model)
        with self.store.read() as work:
            stored = [row.answer for row in work.steps.list(job.id)]
        assert [list(answer or ()) for answer in stored] == self.journal.answers(job.id)
        feature_map = self.descriptor.feature_map.model_dump(mode="json")
        expected = trained_model(plan, self.journal.answers(job.id), self.descriptor.classes, feature_map)
        assert weights == write_model(expected)
        report = verify_model(owner.download_certificate(model), weights, keys)
        assert report.passed, [check for check in report.checks if not check.passed]


def digest_of(answer: Sequence[int]) -> str:
    """The digest under which an answer is in the log."""
    return digest_bytes(",".join(map(str, answer)).encode())


def _details(entries: list[Entry], action: str, *names: str) -> Counter[tuple[Any, ...]]:
    """Count the successful entries of an action by some of their details."""
    chosen = [entry for entry in entries if entry["action"] == action and entry["outcome"] == "done"]
    return Counter(tuple(entry["details"][name] for name in names) for entry in chosen)
