"""What leaves the service: complete, ordered, and no more of other tenants than a hash."""

import csv
import json
from typing import Any

import pytest

from audit.entry import Entry
from audit.errors import NotCheckpointed, OutOfRange
from audit.export import CSV_COLUMNS, entry_proof, export_csv, export_json_lines
from audit.merkle import leaf_hash
from audit.query import EntryFilter
from tests.audit.support import SealedLog, draft


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def test_an_export_has_a_header_every_entry_and_every_checkpoint_in_its_place() -> None:
    sealed = SealedLog()
    sealed.record(3)
    first = sealed.seal()
    sealed.record(2)
    second = sealed.seal()
    sealed.record(1)  # not yet under a checkpoint: not evidence
    header, *lines = parsed(sealed.export())
    assert header == {
        "@format": "secure-ds/audit-export/v1",
        "first": "0",
        "frontier": [],
        "origin": "audit.example/log",
        "size": "5",
        "tenant": None,
    }
    assert [line.get("index") for line in lines] == ["0", "1", "2", None, "3", "4", None]
    assert [line["checkpoint"] for line in lines if "checkpoint" in line] == [first.note, second.note]
    for line in lines:
        if "entry" in line:
            assert leaf_hash(line["entry"].encode()).hex() == line["leaf_hash"]
            assert str(Entry.from_bytes(line["entry"].encode()).index) == line["index"]


def test_a_tenant_sees_its_own_entries_and_hashes_of_others() -> None:
    sealed = SealedLog()
    for tenant in ("clinic", "bank", None, "clinic"):
        sealed.record(1, tenant=tenant, details={"marker": f"marker of {tenant}"})
    sealed.seal()
    text = "".join(sealed.export("clinic"))
    lines = parsed(sealed.export("clinic"))[1:-1]
    assert [line["index"] for line in lines] == ["0", "1", "2", "3"]
    assert ["entry" in line for line in lines] == [True, False, False, True]
    assert "bank" not in text
    assert "marker of None" not in text


def test_an_export_may_begin_later() -> None:
    sealed = SealedLog()
    sealed.record(7)
    sealed.seal()
    header, *lines = parsed(sealed.export(first=5))
    assert (header["first"], len(header["frontier"])) == ("5", 2)  # 5 = 4 + 1: two complete subtrees
    assert [line.get("index") for line in lines] == ["5", "6", None]


def test_an_export_longer_than_a_batch_is_complete() -> None:
    sealed = SealedLog()
    sealed.record(500)
    sealed.seal()  # exactly at the edge of a batch
    sealed.record(510)
    sealed.seal()
    lines = parsed(sealed.export())
    assert [line["index"] for line in lines if "index" in line] == [str(index) for index in range(1010)]
    assert [at for at, line in enumerate(lines) if "checkpoint" in line] == [501, 1012]


def test_what_is_not_under_a_checkpoint_is_not_exported() -> None:
    sealed = SealedLog()
    sealed.record(2)
    with pytest.raises(NotCheckpointed):
        export_json_lines(sealed.log, tenant=None)  # at once, before any line is asked for
    sealed.seal()
    with pytest.raises(NotCheckpointed):
        export_json_lines(sealed.log, tenant=None, first=2)


def test_the_proof_of_an_entry() -> None:
    sealed = SealedLog()
    sealed.record(3)
    with pytest.raises(NotCheckpointed):
        entry_proof(sealed.log, 1)
    note = sealed.seal().note
    sealed.record(1)
    proof = entry_proof(sealed.log, 1)
    assert json.loads(json.dumps(proof)) == proof
    assert (proof["index"], proof["checkpoint"], len(proof["inclusion"])) == ("1", note, 2)
    with pytest.raises(NotCheckpointed):
        entry_proof(sealed.log, 3)
    with pytest.raises(OutOfRange):
        entry_proof(sealed.log, 4)


def test_the_table_has_one_row_an_entry_and_runs_nothing() -> None:
    sealed = SealedLog()
    sealed.log.append(draft(object_id='=HYPERLINK("x")', job_id="a,b", request_id='quote"d'))
    rows = list(csv.reader(export_csv(sealed.log.search(EntryFilter(tenant="clinic")))))
    assert tuple(rows[0]) == CSV_COLUMNS
    row = dict(zip(CSV_COLUMNS, rows[1], strict=True))
    assert row["object_id"] == '\'=HYPERLINK("x")'
    assert (row["job_id"], row["request_id"], row["dataset_id"]) == ("a,b", 'quote"d', "")
    assert (row["index"], row["time"], row["outcome"]) == ("0", "2026-11-22T16:49:06.000123Z", "allowed")
    assert len(rows) == 2
