"""The offline verifier: is this export, or this proof, what the log signed?

Rules of this package:
1. It shares the format with the writer and none of its code: own parsing, own tree (a stack, where the writer keeps
   nodes), own proof checks (by recursion, where the writer iterates), own signature checks.
2. It needs the standard library, `cryptography`, `rfc8785` and public keys; no network, no database, no configuration.
3. It never raises for what it is given to judge. It returns a `Report`; whatever is wrong is a `Finding` in it, with
   the entry's index or the tree size whose proof fails.
4. Trust comes from two sources only: the keys handed in, and checkpoints that the caller kept from earlier.
"""

from audit.verify.export_check import verify_export
from audit.verify.keys import InvalidKeyError, TrustedKey
from audit.verify.proof_check import verify_entry_proof, verify_growth
from audit.verify.report import Finding, FindingKind, Report

__all__ = [
    "Finding",
    "FindingKind",
    "InvalidKeyError",
    "Report",
    "TrustedKey",
    "verify_entry_proof",
    "verify_export",
    "verify_growth",
]
