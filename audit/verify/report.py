"""What the verifier says: counts of what it checked, and findings, each naming where the evidence fails."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

MAX_FINDINGS: Final = 1000  # listed; the rest is counted


class FindingKind(StrEnum):
    """What is wrong. The values are stable and meant for programs."""

    MALFORMED_EXPORT = "malformed_export"
    MALFORMED_ENTRY = "malformed_entry"
    CHANGED_ENTRY = "changed_entry"
    MISPLACED_ENTRY = "misplaced_entry"
    MISSING_ENTRY = "missing_entry"
    REORDERED_ENTRY = "reordered_entry"
    DUPLICATE_ENTRY = "duplicate_entry"
    WITHHELD_ENTRY = "withheld_entry"
    FOREIGN_ENTRY = "foreign_entry"
    INVALID_CHECKPOINT = "invalid_checkpoint"
    UNTRUSTED_CHECKPOINT = "untrusted_checkpoint"
    MISSING_CHECKPOINT = "missing_checkpoint"
    ROOT_MISMATCH = "root_mismatch"
    CUT_TAIL = "cut_tail"
    NOT_COVERED = "not_covered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: what.
        message: in plain words.
        index: the entry concerned, where it is one.
        size: the tree size whose root or proof fails, where it is one.
    """

    kind: FindingKind
    message: str
    index: int | None = None
    size: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return {"kind": str(self.kind), "message": self.message, "index": self.index, "size": self.size}


@dataclass(slots=True)
class Report:
    """The outcome of a verification.

    Attributes:
        origin: which log, once a header or checkpoint was read.
        first: index of the first entry looked at.
        size: size of the tree under the last checkpoint that was verified; 0 if none was.
        shown: entries whose bytes were checked.
        withheld: entries of which only the leaf hash was given.
        checkpoints: checkpoints whose signature and root were verified.
        findings: what is wrong, in the order found, at most `MAX_FINDINGS`.
        unlisted: further findings beyond those.
    """

    origin: str | None = None
    first: int = 0
    size: int = 0
    shown: int = 0
    withheld: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    unlisted: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything holds: nothing was found, and at least one checkpoint was verified."""
        return not self.findings and self.checkpoints > 0

    def add(self, kind: FindingKind, message: str, *, index: int | None = None, size: int | None = None) -> None:
        """Note a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(kind, message, index, size))
        else:
            self.unlisted += 1

    def summary(self) -> str:
        """Return the outcome in one sentence."""
        if self.ok:
            return (
                f"{self.origin}: entries {self.first} to {self.size - 1} are what was signed; "
                f"{self.shown} shown, {self.withheld} as hashes, {self.checkpoints} checkpoints"
            )
        return f"{self.origin or 'the evidence'}: {len(self.findings) + self.unlisted} findings; do not rely on it"

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "ok": self.ok,
            "summary": self.summary(),
            "origin": self.origin,
            "first": self.first,
            "size": self.size,
            "shown": self.shown,
            "withheld": self.withheld,
            "checkpoints": self.checkpoints,
            "findings": [finding.to_json() for finding in self.findings],
            "unlisted": self.unlisted,
        }
