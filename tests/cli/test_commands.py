"""The commands over REST: what people see, what programs get, and the exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from secure_ds.services.errors import AccessDenied, BudgetRefused
from secure_ds.wire.jobs import JobEvent
from tests.cli.conftest import Shell
from tests.simulators.services import PUBLIC_KEYS, TOKEN, SimulatedService, dataset_view, digest_of

SUBMIT = ("job", "submit", "ds_" + "a" * 26, "--purpose", "research", "--epsilon", "1")


def printed(shell: Shell, *arguments: str) -> Any:
    """Run with --json, which must succeed, and return what was printed."""
    outcome = shell(*arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_datasets_are_listed_and_shown(secure_ds: Shell, service: SimulatedService) -> None:
    view = service.add_dataset(b"blob")
    assert view.id in secure_ds("dataset", "ls").out
    assert [each["id"] for each in printed(secure_ds, "dataset", "ls")] == [view.id]
    assert "0 of 1 have arrived" in secure_ds("dataset", "show", view.id).out
    assert printed(secure_ds, "dataset", "show", view.id)["descriptor_digest"] == view.descriptor_digest


def test_empty_list_is_said_to_be_empty(secure_ds: Shell) -> None:
    assert secure_ds("dataset", "ls").out.strip() == "none"
    assert printed(secure_ds, "dataset", "ls") == []


def test_budget_is_shown(secure_ds: Shell, service: SimulatedService) -> None:
    view = service.add_dataset(b"blob")
    assert "1.25 of 2" in secure_ds("dataset", "budget", view.id).out
    assert printed(secure_ds, "dataset", "budget", view.id)["decryptions_limit"] == 32


def test_texts_of_others_are_no_markup(secure_ds: Shell, service: SimulatedService) -> None:
    view = dataset_view(name="[red]wards[/red]")
    service.datasets[view.id] = view
    assert "[red]wards[/red]" in secure_ds("dataset", "show", view.id).out


def test_job_is_quoted(secure_ds: Shell) -> None:
    arguments = ("job", "quote", *SUBMIT[2:])
    outcome = secure_ds(*arguments)
    assert outcome.code == 0 and "1 of 1.25 left" in outcome.out and "10.0 MB" in outcome.out
    assert printed(secure_ds, *arguments)["plan_digest"] == digest_of(b"plan")


def test_job_is_submitted_with_its_settings(secure_ds: Shell, service: SimulatedService) -> None:
    job = printed(secure_ds, *SUBMIT, "--steps", "8", "--momentum", "0.5", "--plan-digest", digest_of(b"plan"))
    assert list(service.jobs) == [job["id"]]
    _, body, key = next(arguments for name, arguments in service.calls if name == "submit_job")
    assert (body.steps, body.momentum, body.radius, body.delta) == (8, 0.5, None, 1e-5)
    assert body.plan_digest == digest_of(b"plan") and key


def test_dual_evaluation_is_asked_for_and_quoted(secure_ds: Shell, service: SimulatedService) -> None:
    quote = ("job", "quote", *SUBMIT[2:])
    assert "by one worker" in secure_ds(*quote).out
    assert "two trust domains" in secure_ds(*quote, "--dual-evaluation").out
    printed(secure_ds, *SUBMIT, "--dual-evaluation")
    bodies = [arguments[1] for name, arguments in service.calls if name == "submit_job"]
    assert [body.dual_evaluation for body in bodies] == [True]


def test_submission_is_repeated_by_its_key(secure_ds: Shell, service: SimulatedService) -> None:
    first, again = (printed(secure_ds, *SUBMIT, "--idempotency-key", "mine")["id"] for _ in range(2))
    assert first == again and len(service.jobs) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--epsilon", "0"), ("--epsilon", "nan"), ("--delta", "1"), ("--purpose", "A b"), ("--steps", "0")],
)
def test_values_that_cannot_be_are_refused_here(
    secure_ds: Shell, service: SimulatedService, option: str, value: str
) -> None:
    outcome = secure_ds(*SUBMIT, option, value)
    assert outcome.code == 2 and option in outcome.err
    assert service.calls == []


def test_jobs_are_listed_shown_and_cancelled(secure_ds: Shell, service: SimulatedService) -> None:
    job, other = service.add_job(), service.add_job()
    assert [each["id"] for each in printed(secure_ds, "job", "ls", "--dataset", job.dataset_id)] == [job.id]
    assert other.id in secure_ds("job", "ls").out
    assert "1 of 4" in secure_ds("job", "show", job.id).out
    assert "asked to stop" in secure_ds("job", "cancel", job.id).out


def finished(service: SimulatedService, state: str, **changes: Any) -> str:
    service.events = [
        JobEvent(id=1, event="running", data={"steps": 4}),
        JobEvent(id=2, event="step", data={"step": 1, "steps": 4}),
        JobEvent(id=3, event=state, data={}),
    ]
    return service.add_job(state=state, **changes).id


def test_job_is_watched_to_success(secure_ds: Shell, service: SimulatedService) -> None:
    outcome = secure_ds("job", "watch", finished(service, "succeeded"))
    assert outcome.code == 0
    assert outcome.err.splitlines() == ["running", "step 1 of 4", "succeeded"]
    assert "succeeded" in outcome.out


def test_job_is_watched_by_programs(secure_ds: Shell, service: SimulatedService) -> None:
    outcome = secure_ds("job", "watch", finished(service, "succeeded"), "--json")
    assert [json.loads(line)["id"] for line in outcome.out.splitlines()] == [1, 2, 3]


def test_watching_a_job_that_fails_fails(secure_ds: Shell, service: SimulatedService) -> None:
    outcome = secure_ds("job", "watch", finished(service, "failed", failure="the custodian refused"))
    assert outcome.code == 1
    assert "error job_not_succeeded: the job failed: the custodian refused." in outcome.err


def test_models_are_listed_shown_and_fetched(secure_ds: Shell, service: SimulatedService, tmp_path: Path) -> None:
    model = service.add_model()
    assert model.id in secure_ds("model", "ls").out and "a model" in secure_ds("model", "show", model.id).out
    out = tmp_path / "fetched"
    assert printed(secure_ds, "model", "download", model.id, "--out", str(out))["id"] == model.id
    assert (out / "model.safetensors").read_bytes() == b"weights"
    assert json.loads((out / "card.json").read_text()) == model.card
    assert json.loads((out / "certificate.json").read_text())["signatures"]


def test_keys_and_policies_are_shown(secure_ds: Shell) -> None:
    assert "sealing" in secure_ds("keys", "ls").out
    assert "permit (principal" in secure_ds("policy", "show").out
    assert "owner-reads" in printed(secure_ds, "policy", "show", "owner-reads")["policies"]
    assert secure_ds("policy", "show", "none").code == 2
    assert "because" in secure_ds("policy", "explain", "job:submit").out
    assert printed(secure_ds, "policy", "explain", "job:submit", "--purpose", "research")["allowed"] is False


def test_policy_cases_pass(shell: Shell) -> None:
    report = printed(shell, "policy", "test")
    assert report["cases"] > 100 and report["problems"] == []


def test_audit_is_searched(secure_ds: Shell, service: SimulatedService) -> None:
    entries = printed(secure_ds, "audit", "query", "--action", "job:submit", "--max", "3")
    assert [entry["index"] for entry in entries] == [999, 998, 997]
    query = next(arguments for name, arguments in service.calls if name == "query_audit")[1]
    assert (query.action, query.limit) == ("job:submit", 3)
    assert len(printed(secure_ds, "audit", "query", "--max", "450")) == 450
    assert secure_ds("audit", "query", "--since", "yesterday").code == 2


def test_audit_is_exported(secure_ds: Shell, service: SimulatedService, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    assert printed(secure_ds, "audit", "export", str(path))["bytes"] == path.stat().st_size
    assert secure_ds("audit", "export", str(tmp_path / "audit.csv"), "--form", "csv").code == 0


def test_refused_export_leaves_no_file(secure_ds: Shell, service: SimulatedService, tmp_path: Path) -> None:
    service.failing["export_audit"] = AccessDenied("only compliance officers export the log")
    assert secure_ds("audit", "export", str(tmp_path / "audit.jsonl")).code == 1
    assert not (tmp_path / "audit.jsonl").exists()


def test_keys_are_pinned_and_shown(secure_ds: Shell, home: Path) -> None:
    assert secure_ds("trust", "show").code == 1
    assert secure_ds("trust", "pin", "--fingerprint", "sha256:0").code == 1
    assert not (home / "trust.json").exists()
    pinned = printed(secure_ds, "trust", "pin")
    assert pinned == PUBLIC_KEYS.model_dump() == printed(secure_ds, "trust", "show")


@pytest.mark.parametrize(
    ("keystore", "warned"), [("the token secure-ds", False), ("the INSECURE software store", True)]
)
def test_insecure_key_store_is_warned_of(
    secure_ds: Shell, monkeypatch: pytest.MonkeyPatch, keystore: str, warned: bool
) -> None:
    keys = PUBLIC_KEYS.model_copy(update={"keystore": keystore})
    monkeypatch.setattr("tests.simulators.services.PUBLIC_KEYS", keys)
    assert ("WARNING" in secure_ds("trust", "pin").err) == warned


def test_refusal_is_one_paragraph(secure_ds: Shell, service: SimulatedService) -> None:
    service.failing["submit_job"] = BudgetRefused("0.25 of epsilon is left", remedy="ask for 0.25 or less")
    outcome = secure_ds(*SUBMIT)
    assert outcome.code == 1 and outcome.out == ""
    assert outcome.err.startswith("error budget_exceeded: 0.25 of epsilon is left. Ask for 0.25 or less. (request req_")
    assert outcome.err.count("\n") == 1


def test_unknown_object_is_one_paragraph(secure_ds: Shell) -> None:
    outcome = secure_ds("job", "show", "job_" + "a" * 26)
    assert outcome.code == 1 and outcome.err.startswith("error not_found:")


def test_failure_of_ours_shows_no_trace(secure_ds: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("secret 4711")

    monkeypatch.setattr("secure_ds.client.client.Client.job", fail)
    outcome = secure_ds("job", "show", "job_x")
    assert outcome.code == 1
    assert "internal_error: ZeroDivisionError at" in outcome.err
    assert "Traceback" not in outcome.err and "4711" not in outcome.err


def test_absent_service_is_said_to_be_absent(shell: Shell) -> None:
    outcome = shell("job", "ls", "--url", "http://127.0.0.1:1")
    assert outcome.code == 1 and outcome.err.startswith("error service_unreachable:")


def test_token_shows_nowhere(secure_ds: Shell, service: SimulatedService) -> None:
    service.failing["list_jobs"] = AccessDenied("no")
    for arguments in (("job", "ls"), ("keys", "ls"), ("trust", "pin")):
        outcome = secure_ds(*arguments)
        assert TOKEN not in outcome.out + outcome.err
