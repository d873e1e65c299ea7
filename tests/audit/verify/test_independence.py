"""The verifier stands apart from the writer: in what it imports, and in the trees it builds."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import audit.verify
from audit.merkle import complete_subtrees, root
from audit.verify.tree import GrowingTree, hash_leaf
from tests.audit import vectors
from tests.audit.support import reference_root
from tests.audit.test_merkle import grow, numbered

HOME = Path(audit.verify.__file__).parent
PROBE = "import sys, audit.verify; print(*(name for name in sys.modules if name.split('.')[0] in sys.argv))"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "(relative)"


def test_its_source_imports_the_standard_library_cryptography_and_rfc8785() -> None:
    names = {name for path in HOME.glob("*.py") for name in imported(path)}
    outside = {name for name in names if not name.startswith("audit.verify")}
    assert {name.split(".")[0] for name in outside} - sys.stdlib_module_names == {"cryptography", "rfc8785"}


def test_it_runs_without_the_rest_of_the_project() -> None:
    rooms = ["audit", "hsm", "policies", "api", "secure_ds", "sqlalchemy"]
    shown = subprocess.run([sys.executable, "-c", PROBE, *rooms], check=True, capture_output=True, text=True).stdout
    assert {name for name in shown.split() if not name.startswith("audit.verify")} == {"audit"}


def test_its_tree_is_that_of_certificate_transparency() -> None:
    tree = GrowingTree()
    assert tree.root() == vectors.EMPTY_ROOT
    for leaf, expected in zip(vectors.LEAVES, vectors.ROOTS, strict=True):
        tree.push(hash_leaf(leaf))
        assert tree.root() == expected


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 300), st.integers(0, 300))
def test_both_trees_agree_wherever_the_verifier_begins(first: int, more: int) -> None:
    leaves = numbered(first + more)
    nodes = grow(leaves)
    tree = GrowingTree(first, [nodes.known[part] for part in complete_subtrees(0, first)])
    for leaf in leaves[first:]:
        tree.push(leaf)
    assert tree.root() == root(first + more, nodes.read) == reference_root(leaves)
