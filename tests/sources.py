"""Our own files, for tests that read them: which there are, and what is in them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
ROOMS: Final = ("secure_ds", "hsm", "audit", "policies", "api", "migrations", "benchmarks")
CODE: Final = (*ROOMS, "tests")
TEXT: Final = frozenset({".py", ".md", ".toml", ".cedar", ".cedarschema", ".json", ".in", ".txt", ".sh", ""})


def python_files(*rooms: str) -> list[Path]:
    """The Python files of the named rooms."""
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def text_files() -> Iterator[Path]:
    """Every file of ours that people read: code, documents, requirements, build files."""
    for folder in (*CODE, "docs", "requirements", "scripts", ".ci"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in TEXT)
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".md", ".toml", ""})


@cache
def parse(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """A file's path in the repository."""
    return str(path.relative_to(ROOT))


def imported_packages(path: Path) -> set[str]:
    """The top-level names that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without docstring, comments and blank lines."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    lines = path.read_text(encoding="utf-8").splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))
