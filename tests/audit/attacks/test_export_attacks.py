"""Every way to cheat with an export, and the finding that gives it away, with the entry's index or the size that fails.

The attacker holds the database and the export, and whatever keys a test says; never the log's signing key, unless the
test is about a log that its own operator rewrote.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.merkle import leaf_hash
from audit.note import sign_note
from audit.verify import FindingKind, Report, verify_export
from tests.audit.support import ORIGIN, SealedLog, ed25519_signer, reference_root, trusted

Lines = list[str]
SIZES = (4, 8, 11)  # of the checkpoints in the export


@pytest.fixture(scope="module")
def sealed() -> SealedLog:
    sealed = SealedLog()
    sealed.record(4)
    sealed.seal()
    sealed.record(4, tenant="bank")
    sealed.seal()
    sealed.record(3)
    sealed.seal()
    return sealed


def found(report: Report) -> list[tuple[FindingKind, int | None, int | None]]:
    assert not report.ok
    return [(finding.kind, finding.index, finding.size) for finding in report.findings]


def line_of(lines: Lines, index: int) -> int:
    return next(at for at, line in enumerate(lines) if json.loads(line).get("index") == str(index))


def edit(lines: Lines, at: int, **changes: Any) -> Lines:
    document = {**json.loads(lines[at]), **changes}
    kept = {name: value for name, value in document.items() if value is not None or name == "tenant"}
    return [*lines[:at], json.dumps(kept) + "\n", *lines[at + 1 :]]


def without(lines: Lines, *places: int) -> Lines:
    return [line for at, line in enumerate(lines) if at not in places]


def forge_entry(lines: Lines, index: int, old: str, new: str) -> Lines:
    """Change an entry's bytes and, as a careful forger would, the leaf hash beside them."""
    at = line_of(lines, index)
    data = json.loads(lines[at])["entry"].replace(old, new)
    return edit(lines, at, entry=data, leaf_hash=leaf_hash(data.encode()).hex())


def test_an_honest_export_is_what_was_signed(sealed: SealedLog) -> None:
    report = verify_export(sealed.export(), sealed.keys)
    assert report.ok, report.findings
    assert (report.origin, report.size, report.shown, report.withheld, report.checkpoints) == (ORIGIN, 11, 11, 0, 3)
    assert "entries 0 to 10 are what was signed" in report.summary()
    assert report.to_json()["ok"] is True


@pytest.mark.parametrize("first", [0, 3, 4, 8, 10])
@pytest.mark.parametrize("tenant", [None, "clinic", "bank", "nobody"])
def test_parts_and_tenants_verify_too(sealed: SealedLog, tenant: str | None, first: int) -> None:
    report = verify_export(sealed.export(tenant, first), sealed.keys)
    assert report.ok, report.findings
    assert report.shown + report.withheld == 11 - first


def test_bytes_and_text_are_read_alike(sealed: SealedLog) -> None:
    assert verify_export([line.encode() for line in sealed.export()], sealed.keys).ok


# --- entries


@pytest.mark.parametrize("index", range(11))
def test_a_changed_byte_names_the_entry(sealed: SealedLog, index: int) -> None:
    lines = sealed.export()
    at = line_of(lines, index)
    changed = edit(lines, at, entry=json.loads(lines[at])["entry"].replace("user_alice", "user_malice"))
    assert found(verify_export(changed, sealed.keys)) == [(FindingKind.CHANGED_ENTRY, index, None)]


@pytest.mark.parametrize(("index", "stretch", "size"), [(0, 0, 4), (5, 4, 8), (10, 8, 11)])
def test_a_changed_byte_with_its_hash_is_pinned_between_two_checkpoints(
    sealed: SealedLog, index: int, stretch: int, size: int
) -> None:
    forged = forge_entry(sealed.export(), index, "user_alice", "user_malice")
    assert found(verify_export(forged, sealed.keys)) == [(FindingKind.ROOT_MISMATCH, stretch, size)]


@pytest.mark.parametrize("index", [0, 3, 7])
def test_a_removed_entry_is_named(sealed: SealedLog, index: int) -> None:
    lines = sealed.export()
    removed = without(lines, line_of(lines, index))
    assert (FindingKind.MISSING_ENTRY, index, None) in found(verify_export(removed, sealed.keys))


def test_the_removed_last_entry_is_named(sealed: SealedLog) -> None:
    lines = sealed.export()
    removed = without(lines, line_of(lines, 10))
    assert (FindingKind.MISSING_ENTRY, 10, None) in found(verify_export(removed, sealed.keys))


def test_a_removed_entry_with_the_rest_renumbered_is_named(sealed: SealedLog) -> None:
    lines = sealed.export()
    lines = without(lines, line_of(lines, 5))
    for index in range(6, 11):
        lines = edit(lines, line_of(lines, index), index=str(index - 1))
    findings = found(verify_export(lines, sealed.keys))
    assert findings[0] == (FindingKind.MISPLACED_ENTRY, 5, None)


def test_two_entries_in_other_order_are_named(sealed: SealedLog) -> None:
    lines = sealed.export()
    a, b = line_of(lines, 5), line_of(lines, 6)
    lines[a], lines[b] = lines[b], lines[a]
    assert found(verify_export(lines, sealed.keys)) == [(FindingKind.REORDERED_ENTRY, 5, None)]


def test_two_entries_swapped_and_renumbered_are_named(sealed: SealedLog) -> None:
    lines = sealed.export()
    a, b = line_of(lines, 5), line_of(lines, 6)
    lines[a], lines[b] = lines[b], lines[a]
    lines = edit(edit(lines, a, index="5"), b, index="6")
    assert found(verify_export(lines, sealed.keys))[:2] == [
        (FindingKind.MISPLACED_ENTRY, 5, None),
        (FindingKind.MISPLACED_ENTRY, 6, None),
    ]


def test_swapped_entries_that_say_so_themselves_fail_the_root(sealed: SealedLog) -> None:
    lines = forge_entry(forge_entry(sealed.export(), 5, '"index":"5"', '"index":"6"'), 6, '"index":"6"', '"index":"5"')
    a, b = line_of(lines, 5), line_of(lines, 6)
    lines[a], lines[b] = lines[b], lines[a]
    lines = edit(edit(lines, a, index="5"), b, index="6")
    assert found(verify_export(lines, sealed.keys)) == [(FindingKind.ROOT_MISMATCH, 4, 8)]


def test_a_duplicate_index_is_named(sealed: SealedLog) -> None:
    lines = sealed.export()
    at = line_of(lines, 5)
    assert (FindingKind.DUPLICATE_ENTRY, 5, None) in found(verify_export([*lines[: at + 1], *lines[at:]], sealed.keys))


def test_an_inserted_entry_is_found(sealed: SealedLog) -> None:
    other, lines = SealedLog(), sealed.export()
    other.record(12)
    other.seal()
    foreign = other.export()
    inserted = [*lines[:-1], foreign[line_of(foreign, 11)], lines[-1]]
    kinds = {kind for kind, _, _ in found(verify_export(inserted, sealed.keys))}
    assert FindingKind.MALFORMED_EXPORT in kinds  # more entries than announced
    announced = edit(inserted, 0, size="12")
    assert (FindingKind.INVALID_CHECKPOINT, None, 11) in found(verify_export(announced, sealed.keys))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"salt":"', '"salt":"AAAA'),
        ('"@format":"secure-ds/audit-entry/v1"', '"@format":"secure-ds/audit-entry/v2"'),
        ('"outcome":"allowed"', '"outcome":"fine"'),
        ('"index":"5"', '"index":"05"'),
        ('"index":"5"', '"index":5'),
        ('"job_id":null,', ""),
        ('"job_id":null,', '"job_id":null, '),
        ('"job_id":null,', '"job_id":null,"job_id":null,'),
        ('"job_id":null,', '"job_id":7,'),
        ('"kind":"user"', '"kind":"robot"'),
        ('"roles":["data_owner"]', '"roles":"data_owner"'),
        ('"actor":{', '"actor":{"more":1,'),
        ('"details":{}', '"details":null'),
        ('"details":{}', '"details":{"x":"\\ud800"}'),
        ('"decision":null', '"decision":[]'),
        ('"time":"2026', '"time":"26'),
        ('"action":"job.submit"', '"action":null'),
    ],
)
def test_a_bad_format_names_the_entry_even_when_its_hash_is_right(sealed: SealedLog, old: str, new: str) -> None:
    findings = found(verify_export(forge_entry(sealed.export(), 5, old, new), sealed.keys))
    assert (FindingKind.MALFORMED_ENTRY, 5, None) in findings


@pytest.mark.parametrize("salt", ["", "AAEC", "not base64!", "AAECAwQFBgcICQoLDA0ODx=="])
def test_a_bad_salt_names_the_entry(sealed: SealedLog, salt: str) -> None:
    lines = sealed.export()
    good = json.loads(json.loads(lines[line_of(lines, 5)])["entry"])["salt"]
    findings = found(verify_export(forge_entry(lines, 5, good, salt), sealed.keys))
    assert findings[0] == (FindingKind.MALFORMED_ENTRY, 5, None)


# --- checkpoints


def test_a_cut_tail_shows_against_an_older_checkpoint(sealed: SealedLog) -> None:
    whole = sealed.export()
    kept = json.loads(whole[-1])["checkpoint"]
    cut = edit(whole[: line_of(whole, 8)], 0, size="8")  # ends, properly signed, at the checkpoint of size 8
    assert verify_export(cut, sealed.keys).ok
    assert found(verify_export(cut, sealed.keys, older_checkpoints=[kept])) == [(FindingKind.CUT_TAIL, 8, 11)]


def test_a_log_rewritten_by_the_holder_of_its_key_shows_against_an_older_checkpoint(sealed: SealedLog) -> None:
    kept = [json.loads(line)["checkpoint"] for line in sealed.export() if "checkpoint" in json.loads(line)]
    rewritten = SealedLog()
    rewritten.record(12)
    rewritten.seal()
    assert verify_export(rewritten.export(), sealed.keys).ok
    findings = found(verify_export(rewritten.export(), sealed.keys, older_checkpoints=kept))
    assert [(kind, size) for kind, _, size in findings] == [(FindingKind.ROOT_MISMATCH, size) for size in SIZES]


def test_older_checkpoints_of_the_same_log_agree(sealed: SealedLog) -> None:
    kept = [json.loads(line)["checkpoint"] for line in sealed.export() if "checkpoint" in json.loads(line)]
    assert verify_export(sealed.export(), sealed.keys, older_checkpoints=kept).ok
    assert verify_export(sealed.export(first=4), sealed.keys, older_checkpoints=kept).ok
    findings = found(verify_export(sealed.export(first=5), sealed.keys, older_checkpoints=kept))
    assert findings == [(FindingKind.NOT_COVERED, None, 4)]


def test_a_forged_older_checkpoint_is_not_believed(sealed: SealedLog) -> None:
    forged = sealed.forge(11, bytes(32), ed25519_signer(b"\x01" * 32))
    findings = found(verify_export(sealed.export(), sealed.keys, older_checkpoints=[forged, "nonsense"]))
    assert [kind for kind, _, _ in findings] == [FindingKind.UNTRUSTED_CHECKPOINT, FindingKind.INVALID_CHECKPOINT]


def test_a_forged_checkpoint_over_forged_entries_is_not_trusted(sealed: SealedLog) -> None:
    lines = forge_entry(sealed.export(), 10, "user_alice", "user_malice")
    leaves = [bytes.fromhex(document["leaf_hash"]) for line in lines if "index" in (document := json.loads(line))]
    note = sealed.forge(11, reference_root(leaves), ed25519_signer(b"\x01" * 32))
    forged = edit(lines, len(lines) - 1, checkpoint=note)
    assert (FindingKind.UNTRUSTED_CHECKPOINT, None, 11) in found(verify_export(forged, sealed.keys))


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n11\n", "\n12\n"),
        lambda note: note.replace(ORIGIN, "audit.example/other"),
        lambda note: note[:-6] + "AAAA=\n",
        lambda note: note.replace("\u2014", "-"),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note + "\n",
        lambda note: "",
        lambda note: 7,
        lambda note: "\ud800" + note,
    ],
)
def test_a_changed_checkpoint_is_found(sealed: SealedLog, change: Callable[[str], Any]) -> None:
    lines = sealed.export()
    note = json.loads(lines[-1])["checkpoint"]
    findings = found(verify_export(edit(lines, len(lines) - 1, checkpoint=change(note)), sealed.keys))
    assert findings[0][0] in {FindingKind.INVALID_CHECKPOINT, FindingKind.UNTRUSTED_CHECKPOINT}
    assert findings[0][2] == 11


def test_the_wrong_key_verifies_nothing(sealed: SealedLog) -> None:
    for keys in ([], [trusted(ed25519_signer(b"\x01" * 32))], [trusted(ed25519_signer(name="audit.example/other"))]):
        report = verify_export(sealed.export(), keys)
        assert [kind for kind, _, _ in found(report)] == [FindingKind.UNTRUSTED_CHECKPOINT] * 3
        assert report.checkpoints == 0


def test_a_witness_does_not_stand_in_for_the_log(sealed: SealedLog) -> None:
    witness, lines = ed25519_signer(b"\x01" * 32, "witness"), sealed.export()
    note = sign_note(json.loads(lines[-1])["checkpoint"].split("\n\n")[0] + "\n", witness)
    cosigned = edit(lines, len(lines) - 1, checkpoint=note)
    findings = found(verify_export(cosigned, [*sealed.keys, trusted(witness)]))
    assert findings == [(FindingKind.UNTRUSTED_CHECKPOINT, None, 11)]


def test_after_a_rotation_both_keys_are_needed() -> None:
    sealed, successor = SealedLog(), ed25519_signer(b"\x01" * 32)
    sealed.record(2)
    sealed.seal()
    sealed.record(2)
    sealed.seal(successor)
    assert verify_export(sealed.export(), [*sealed.keys, trusted(successor)]).ok
    assert found(verify_export(sealed.export(), sealed.keys)) == [(FindingKind.UNTRUSTED_CHECKPOINT, None, 4)]


def test_an_export_without_its_last_checkpoint_proves_nothing(sealed: SealedLog) -> None:
    assert found(verify_export(sealed.export()[:-1], sealed.keys)) == [(FindingKind.MISSING_CHECKPOINT, None, 11)]


def test_a_checkpoint_in_another_place_is_found(sealed: SealedLog) -> None:
    lines = sealed.export()
    at = line_of(lines, 3) + 1
    moved = [*lines[: at - 1], lines[at], lines[at - 1], *lines[at + 1 :]]
    assert found(verify_export(moved, sealed.keys))[0] == (FindingKind.INVALID_CHECKPOINT, None, 4)


def test_a_checkpoint_of_another_log_under_the_same_key_is_found(sealed: SealedLog) -> None:
    relabelled = edit(sealed.export(), 0, origin="audit.example/other")
    assert {kind for kind, _, _ in found(verify_export(relabelled, sealed.keys))} == {FindingKind.INVALID_CHECKPOINT}


# --- tenants


def test_a_withheld_entry_in_a_full_export_is_named(sealed: SealedLog) -> None:
    lines = sealed.export()
    hidden = edit(lines, line_of(lines, 5), entry=None)
    assert found(verify_export(hidden, sealed.keys)) == [(FindingKind.WITHHELD_ENTRY, 5, None)]


def test_another_tenants_entry_in_a_tenants_export_is_named(sealed: SealedLog) -> None:
    relabelled = edit(sealed.export("clinic"), 0, tenant="bank")
    assert found(verify_export(relabelled, sealed.keys))[0] == (FindingKind.FOREIGN_ENTRY, 0, None)


# --- malformed exports


@pytest.mark.parametrize(
    "change",
    [
        {"@format": "other"},
        {"first": "11"},
        {"first": 0},
        {"first": "1"},
        {"size": "0"},
        {"frontier": ["00"]},
        {"frontier": ["00" * 32]},
        {"frontier": "none"},
        {"origin": 7},
        {"extra": 1},
    ],
)
def test_a_bad_header_ends_the_verification(sealed: SealedLog, change: dict[str, Any]) -> None:
    assert found(verify_export(edit(sealed.export(), 0, **change), sealed.keys))[0][0] is FindingKind.MALFORMED_EXPORT


@pytest.mark.parametrize("lines", [[], [""], ["{}"], [b"\xff"], ["["], ["[" * 100_000], ["7"]])
def test_what_is_no_export_is_no_proof(lines: list[str | bytes]) -> None:
    assert found(verify_export(lines, []))[0][0] is FindingKind.MALFORMED_EXPORT


@pytest.mark.parametrize(
    "line", ["", "{}", "7", '{"index":"5"}', '{"index":5,"leaf_hash":""}', b"\xff", '{"checkpoint":1,"checkpoint":2}']
)
def test_a_line_that_is_neither_entry_nor_checkpoint_is_found(sealed: SealedLog, line: str | bytes) -> None:
    kinds = [kind for kind, _, _ in found(verify_export([*sealed.export(), line], sealed.keys))]
    assert kinds == [FindingKind.MALFORMED_EXPORT]


def test_findings_are_listed_up_to_a_limit_and_counted_beyond(sealed: SealedLog) -> None:
    report = verify_export([*sealed.export(), *["{}"] * 1500], sealed.keys)
    assert (len(report.findings), report.unlisted) == (1000, 500)
    assert "1500 findings" in report.summary()


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_mutation_of_an_export_passes_or_raises(sealed: SealedLog, data: st.DataObject) -> None:
    """Any one character changed anywhere: either the line still says the same, or the report is not ok."""
    lines = sealed.export("clinic")
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at]) - 2))
    character = data.draw(st.characters())
    line = lines[at][:place] + character + lines[at][place + 1 :]
    report = verify_export([*lines[:at], line, *lines[at + 1 :]], sealed.keys)
    assert not report.ok or json.loads(line) == json.loads(lines[at])
