"""The bytes of an entry: fixed for ever, canonical, and refused in any other form."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.canonical import MAX_DEPTH, MAX_MAPPING_BYTES, SECRET_NAMES
from audit.entry import Actor, ActorKind, Entry, EntryDraft, Outcome, format_time, parse_time
from audit.errors import InvalidEntry
from tests.audit.support import actor, draft

MOMENT = datetime(2026, 11, 22, 16, 49, 5, 123, tzinfo=UTC)
SALT = bytes(range(16))

GOLDEN = (
    b'{"@format":"secure-ds/audit-entry/v1","action":"job.submit","actor":{"id":"user_alice","kind":"user","roles":'
    b'["data_owner","ml_engineer"],"tenant":"clinic"},"dataset_id":"ds_1","decision":{"allowed":true,"policies":["p1"]},'
    b'"details":{"bytes":"18446744073709551615","note":"\xc3\xa9","ratio":0.5},"event_id":"evt-1","index":"7","job_id":'
    b'"job_1","model_id":null,"object_id":null,"outcome":"allowed","request_id":"req_1","salt":"AAECAwQFBgcICQoLDA0ODw==",'
    b'"tenant":"clinic","time":"2026-11-22T16:49:05.000123Z"}'
)


def golden_entry() -> Entry:
    submitted = EntryDraft(
        action="job.submit",
        actor=Actor("user_alice", "clinic", ("ml_engineer", "data_owner"), ActorKind.USER),
        tenant="clinic",
        outcome=Outcome.ALLOWED,
        dataset_id="ds_1",
        job_id="job_1",
        request_id="req_1",
        decision={"allowed": True, "policies": ["p1"]},
        details={"ratio": 0.5, "note": "é", "bytes": "18446744073709551615"},
        event_id="evt-1",
    )
    return Entry(7, MOMENT, SALT, submitted)


def test_golden_bytes() -> None:
    assert golden_entry().to_bytes() == GOLDEN
    assert Entry.from_bytes(GOLDEN) == golden_entry()


def test_the_format_tag_comes_first() -> None:
    assert Entry(0, MOMENT, SALT, draft()).to_bytes().startswith(b'{"@format":"secure-ds/audit-entry/v1",')


def test_the_salt_hides_an_entry_that_could_be_guessed() -> None:
    assert Entry(0, MOMENT, SALT, draft()).to_bytes() != Entry(0, MOMENT, bytes(16), draft()).to_bytes()


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=1, max_size=20).filter(
    lambda name: name.isprintable() and name.lower() not in SECRET_NAMES
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
DETAILS = st.dictionaries(NAMES, JSON, max_size=4)


@settings(deadline=None, max_examples=150)
@given(DETAILS, st.none() | DETAILS, st.none() | NAMES, st.sampled_from(Outcome), st.datetimes(datetime(1970, 1, 1)))
def test_what_is_written_is_read_back(
    details: dict[str, Any], decision: dict[str, Any] | None, name: str | None, outcome: Outcome, moment: datetime
) -> None:
    written = draft(details=details, decision=decision, object_id=name, outcome=outcome)
    entry = Entry(3, moment.replace(tzinfo=UTC), SALT, written)
    assert Entry.from_bytes(entry.to_bytes()) == entry


def altered(**changes: Any) -> bytes:
    document = {**json.loads(GOLDEN), **changes}
    return rfc8785.dumps({name: value for name, value in document.items() if value != "(removed)"})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"not json",
        b"\xff",
        b"[" * 100_000,
        GOLDEN + b" ",
        GOLDEN.replace(b":0.5", b":5e-1"),
        GOLDEN.replace(b'"index":"7"', b'"index":"07"'),
        altered(**{"@format": "secure-ds/audit-entry/v2"}),
        altered(index=7),
        altered(salt="AAEC"),
        altered(salt="!"),
        altered(time="2026-11-22T16:49:05.123Z"),
        altered(time="2026-11-22T16:49:05.000123+00:00"),
        altered(outcome="perhaps"),
        altered(action="Job Submit"),
        altered(extra=1),
        altered(job_id="(removed)"),
        altered(actor="user_alice"),
        altered(actor={"id": "a", "kind": "user", "roles": ["b", "a"], "tenant": None}),
        altered(details={"password": "x"}),
        altered(details=None),
    ],
)
def test_any_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidEntry):
        Entry.from_bytes(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action", "Submit"),
        ("action", "job..submit"),
        ("action", "job submit"),
        ("action", "a" * 201),
        ("outcome", "maybe"),
        ("job_id", ""),
        ("job_id", "x" * 201),
        ("job_id", "a\nb"),
        ("job_id", "a\0b"),
        ("job_id", 7),
        ("dataset_id", "\ud800"),
        ("details", ["not", "a", "mapping"]),
        ("details", {"x": float("nan")}),
        ("details", {"x": float("inf")}),
        ("details", {"x": 2**53}),
        ("details", {"x": 1e16}),
        ("details", {"x": b"bytes"}),
        ("details", {"x": "\ud800"}),
        ("details", {7: "x"}),
        ("details", {"x": "y" * MAX_MAPPING_BYTES}),
        ("decision", {"x": "y" * MAX_MAPPING_BYTES}),
        ("decision", "allow"),
    ],
)
def test_a_bad_draft_is_refused(field: str, value: Any) -> None:
    values: dict[str, Any] = {"action": "a", "actor": actor(), "tenant": None, "outcome": "done", field: value}
    with pytest.raises(InvalidEntry):
        EntryDraft(**values)


@pytest.mark.parametrize("name", sorted(SECRET_NAMES))
def test_a_field_named_like_a_secret_is_refused_at_any_depth(name: str) -> None:
    for details in ({name: "x"}, {"inner": [{name.upper(): "x"}]}):
        with pytest.raises(InvalidEntry, match="secrets never enter the log"):
            draft(details=details)


def test_nesting_has_a_limit() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"x": nested(depth - 1)} if depth > 1 else {"x": 1}

    draft(details=nested(MAX_DEPTH))
    with pytest.raises(InvalidEntry, match="deep"):
        draft(details=nested(MAX_DEPTH + 1))
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(InvalidEntry, match="deep"):
        draft(details=circle)


def test_a_draft_does_not_change_with_what_it_was_made_from() -> None:
    details = {"numbers": [1, 2.0]}
    recorded = draft(details=details)
    details["numbers"].append(3)
    assert recorded.details == {"numbers": [1, 2]}


def test_actors() -> None:
    assert Actor("a", None, ("b", "a", "b"), ActorKind.SERVICE).roles == ("a", "b")
    for bad in (("", None, (), "user"), ("a", "", (), "user"), ("a", None, ("",), "user"), ("a", None, (), "robot")):
        with pytest.raises(InvalidEntry):
            Actor(*bad)  # type: ignore[arg-type]


def test_times_have_one_form() -> None:
    assert format_time(MOMENT) == "2026-11-22T16:49:05.000123Z"
    assert format_time(MOMENT.astimezone(timezone(timedelta(hours=5)))) == format_time(MOMENT)
    assert parse_time(format_time(MOMENT)) == MOMENT
    with pytest.raises(InvalidEntry, match="time zone"):
        format_time(MOMENT.replace(tzinfo=None))
