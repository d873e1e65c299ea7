"""The documents hold to the code: files, symbols, tests, targets and commands they name exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from secure_ds.cli.lazy import LazyGroup
from secure_ds.cli.table import ROOT as COMMANDS
from tests.sources import ROOMS, ROOT, parse

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"^( *)```(?:sh|console)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PATH = re.compile(r"^(?:[\w.-]+/)+[\w.-]*$|^[\w-]+\.(?:md|toml|py)$")
MODULE = re.compile(rf"^(?:{'|'.join(ROOMS)})(?:\.\w+)+$")
GENERATED = ("benchmarks/results/",)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_exists(document: Path) -> None:
    assert not [span for span in _spans(document) if not _exists(span)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_a_document_can_be_given(document: Path) -> None:
    for line in _command_lines(document):
        _require_command(shlex.split(line, comments=True))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_has_its_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.name[:4]}: ")
    assert [
        part for part in ("\nStatus: ", "\n## Context", "\n## Decision", "\n## Consequences") if part not in text
    ] == []


def _spans(document: Path) -> Iterator[str]:
    text = BLOCK.sub("", document.read_text(encoding="utf-8"))
    yield from CODE_SPAN.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _exists(span: str) -> bool:
    """Whether a code span names something that is there; a span that names nothing of ours passes."""
    path, separator, symbol = span.partition("::" if "::" in span else ":")
    if span.startswith("make "):
        return f"\n{span.split()[1]}:" in (ROOT / "Makefile").read_text()
    if span.startswith("secure-ds "):
        return _command(shlex.split(span)[1:]) is not None
    if separator and path.endswith(".py"):
        return (ROOT / path).is_file() and symbol.replace("::", ".") in _symbols(ROOT / path)
    if PATH.match(span) and span.partition("/")[0] in _top_level():
        return (ROOT / span).exists() or span.startswith(GENERATED)
    return _module_exists(span) if MODULE.match(span) else True


def _top_level() -> set[str]:
    return {path.name for path in ROOT.iterdir()}


def _module_exists(name: str) -> bool:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:end])
        file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if file.is_file():
            rest = ".".join(parts[end:])
            return not rest or rest in _symbols(file)
    return False


def _symbols(path: Path) -> set[str]:
    return set(_named(parse(path).body, ""))


def _named(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{prefix}{node.name}.")
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield prefix + target.id
        if isinstance(node, ast.ImportFrom):
            yield from (prefix + (alias.asname or alias.name) for alias in node.names)


def _command_lines(document: Path) -> Iterator[str]:
    for _, block in BLOCK.findall(document.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.strip().removeprefix("$ ")
            if words.startswith(("secure-ds ", "make ", ".venv/bin/secure-ds ")):
                yield words.removeprefix(".venv/bin/")


def _require_command(words: list[str]) -> None:
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert all(_exists(f"make {target}") for target in targets), words
        return
    command = _command(words[1:])
    assert command is not None, f"there is no such command: {' '.join(words)}"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    asked = {word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-z]", word)} - {"--help"}
    assert asked <= known, f"{' '.join(words)}: no option {sorted(asked - known)}"


def _command(words: list[str]) -> click.Command | None:
    """The command that the words begin with; a group counts where only the group is named."""
    here: click.Command | None = COMMANDS
    for word in words:
        if word.startswith("-") or not isinstance(here, LazyGroup):
            break
        here = here.get_command(click.Context(here), word)
    return here
