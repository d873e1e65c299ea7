"""One entry under a checkpoint, and one checkpoint under another, verified with public keys alone."""

from typing import Any

import pytest

from audit.export import entry_proof
from audit.verify import FindingKind, Report, verify_entry_proof, verify_growth
from audit.verify.tree import BrokenProofError, hash_leaf, root_by_inclusion, roots_by_consistency
from tests.audit import vectors
from tests.audit.support import SealedLog, ed25519_signer, trusted


@pytest.fixture(scope="module")
def sealed() -> SealedLog:
    sealed = SealedLog()
    sealed.record(21)
    sealed.seal()
    return sealed


def only(report: Report) -> tuple[FindingKind, int | None, int | None]:
    assert not report.ok
    (finding,) = report.findings
    return finding.kind, finding.index, finding.size


def test_every_entry_of_a_log_is_proven(sealed: SealedLog) -> None:
    for index in range(21):
        report = verify_entry_proof(entry_proof(sealed.log, index), sealed.keys)
        assert report.ok, report.findings
        assert (report.origin, report.size, report.shown) == ("audit.example/log", 21, 1)


def test_an_entry_of_another_place_or_text_is_not(sealed: SealedLog) -> None:
    proof, other = entry_proof(sealed.log, 7), entry_proof(sealed.log, 8)
    changed = proof["entry"].replace("job.submit", "job.cancel")
    assert only(verify_entry_proof({**proof, "entry": changed}, sealed.keys)) == (FindingKind.ROOT_MISMATCH, 7, 21)
    moved = verify_entry_proof({**proof, "entry": other["entry"]}, sealed.keys)
    assert [found.kind for found in moved.findings] == [FindingKind.MISPLACED_ENTRY, FindingKind.ROOT_MISMATCH]
    renumbered = verify_entry_proof({**other, "index": "7"}, sealed.keys)
    assert not renumbered.ok


@pytest.mark.parametrize("change", ["cut", "more", "flipped"])
def test_a_changed_inclusion_proof_names_entry_and_size(sealed: SealedLog, change: str) -> None:
    proof = entry_proof(sealed.log, 7)
    path = proof["inclusion"]
    bad = {"cut": path[:-1], "more": [*path, path[0]], "flipped": [path[0][::-1], *path[1:]]}[change]
    assert only(verify_entry_proof({**proof, "inclusion": bad}, sealed.keys)) == (FindingKind.ROOT_MISMATCH, 7, 21)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 7},
        {"index": "-1"},
        {"entry": None},
        {"entry": {}},
        {"entry": "\ud800"},
        {"inclusion": None},
        {"inclusion": [7]},
        {"inclusion": ["zz"]},
        {"checkpoint": None},
        {"checkpoint": ""},
        {"@format": "other"},
        {"extra": 1},
    ],
)
def test_malformed_proofs_are_findings(sealed: SealedLog, change: dict[str, Any]) -> None:
    assert not verify_entry_proof({**entry_proof(sealed.log, 7), **change}, sealed.keys).ok


def test_only_trusted_keys_count(sealed: SealedLog) -> None:
    stranger = trusted(ed25519_signer(b"\x01" * 32))
    assert only(verify_entry_proof(entry_proof(sealed.log, 7), [stranger]))[0] is FindingKind.UNTRUSTED_CHECKPOINT
    assert only(verify_entry_proof(entry_proof(sealed.log, 7), []))[0] is FindingKind.UNTRUSTED_CHECKPOINT


def growth(steps: list[int]) -> tuple[SealedLog, list[str]]:
    sealed, notes = SealedLog(), []
    for step in steps:
        sealed.record(step)
        notes.append(sealed.seal().note)
    return sealed, notes


def test_growth_is_shown() -> None:
    sealed, (empty, older, newer) = growth([0, 6, 5])
    proof = [node.hex() for node in sealed.log.consistency_proof(6, 11)]
    assert verify_growth(older, newer, proof, sealed.keys).ok
    assert verify_growth(older, older, [], sealed.keys).ok
    assert verify_growth(empty, newer, [], sealed.keys).ok


def test_what_is_no_growth_is_found() -> None:
    sealed, (empty, older, newer) = growth([0, 6, 5])
    proof = [node.hex() for node in sealed.log.consistency_proof(6, 11)]
    assert only(verify_growth(newer, older, proof, sealed.keys)) == (FindingKind.CUT_TAIL, 6, 11)
    assert only(verify_growth(older, newer, proof[:-1], sealed.keys)) == (FindingKind.ROOT_MISMATCH, None, 11)
    assert only(verify_growth(empty, newer, proof, sealed.keys))[0] is FindingKind.ROOT_MISMATCH
    assert only(verify_growth(older, newer, ["zz"], sealed.keys))[0] is FindingKind.ROOT_MISMATCH
    rewritten = sealed.forge(6, bytes(32), sealed.signer)
    assert not verify_growth(rewritten, newer, proof, sealed.keys).ok
    assert not verify_growth(rewritten, older, [], sealed.keys).ok
    assert not verify_growth(older, sealed.forge(11, bytes(32), sealed.signer), proof, sealed.keys).ok
    assert not verify_growth(sealed.forge(0, bytes(32), sealed.signer), newer, [], sealed.keys).ok
    assert not verify_growth("", newer, proof, sealed.keys).ok


@pytest.mark.parametrize(("index", "size", "proof"), vectors.INCLUSION)
def test_vectors_of_inclusion(index: int, size: int, proof: list[str]) -> None:
    path = [bytes.fromhex(node) for node in proof]
    assert root_by_inclusion(index, size, hash_leaf(vectors.LEAVES[index]), path) == vectors.ROOTS[size - 1]


@pytest.mark.parametrize(("old", "new", "proof"), vectors.CONSISTENCY)
def test_vectors_of_consistency(old: int, new: int, proof: list[str]) -> None:
    path = [bytes.fromhex(node) for node in proof]
    expected = vectors.ROOTS[old - 1], vectors.ROOTS[new - 1]
    assert roots_by_consistency(old, new, vectors.ROOTS[old - 1], path) == expected


@pytest.mark.parametrize(("index", "size"), [(1, 1), (-1, 1), (0, 0)])
def test_leaves_outside_the_tree_have_no_root(index: int, size: int) -> None:
    with pytest.raises(BrokenProofError):
        root_by_inclusion(index, size, bytes(32), [])


@pytest.mark.parametrize(("old", "new"), [(0, 1), (2, 1), (-1, 1)])
def test_sizes_that_prove_nothing_have_no_roots(old: int, new: int) -> None:
    with pytest.raises(BrokenProofError):
        roots_by_consistency(old, new, bytes(32), [])
