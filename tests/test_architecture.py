"""The rules that hold across rooms, as tests: directions, homes, sizes, and what may not be in any file."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.sources import (
    CODE,
    ROOMS,
    ROOT,
    code_lines,
    functions,
    imported_packages,
    name_of,
    parse,
    python_files,
    text_files,
)

# Folders of tests without a room of the same name, and what they are for.
WITHOUT_ROOM = {
    "simulators": "stand-ins that tests can sabotage",
    "attacks": "attacks on the room above, one file each",
    "e2e": "the processes together",
}
RUNS_WHAT_IT_READS = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"})
MAX_MEDIAN_FUNCTION = 10  # code lines
MAX_P90_FUNCTION = 20
MAX_FUNCTION = 50
MAX_FILE = 450  # lines
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[a-z,]+\])?==(\S+)$")


# What a process of the service must not even have in memory, by the command that is the process.
EMBEDDINGS = {"onnxruntime", "tokenizers"}
FOREIGN_TO = {
    "api": {"tenseal", "pkcs11", "torch", *EMBEDDINGS},
    "worker": {"pkcs11", "torch", *EMBEDDINGS},
    "custodian": {"tenseal", "torch", *EMBEDDINGS},
}


def test_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("process", sorted(FOREIGN_TO))
def test_a_process_loads_nothing_that_its_trust_forbids(process: str) -> None:
    """Contracts hold for rooms; this holds for the process as it is started."""
    script = f"import secure_ds.cli.commands.service.{process}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not FOREIGN_TO[process] & set(loaded.stdout.split())


@pytest.mark.parametrize("folder", sorted({path.parent for path in python_files("tests") if path.name[:5] == "test_"}))
def test_every_folder_of_tests_mirrors_a_room(folder: Path) -> None:
    parts = folder.relative_to(ROOT / "tests").parts
    room = Path(*parts[: next((i for i, part in enumerate(parts) if part in WITHOUT_ROOM), len(parts))])
    assert (ROOT / room).is_dir() or (ROOT / "secure_ds" / room).is_dir(), f"{folder} tests no room"


@pytest.mark.parametrize("folder", sorted({path.parent for path in python_files("tests")}))
def test_every_folder_of_tests_is_a_package(folder: Path) -> None:
    assert (folder / "__init__.py").is_file()


def test_nothing_imports_what_can_run_what_it_reads() -> None:
    found = {name_of(path): imported_packages(path) & RUNS_WHAT_IT_READS for path in python_files(*ROOMS)}
    assert not {name: bad for name, bad in found.items() if bad}


def test_numpy_never_loads_pickles() -> None:
    assert not [name for name, line in _lines(python_files(*ROOMS)) if "allow_pickle=True" in line]


def test_no_file_names_a_place_on_a_machine() -> None:
    places = [str(place) for place in (ROOT, Path.home()) if len(place.parts) > 1]
    known = "|".join([*map(re.escape, places), r"/(?:home|Users)/\w+"])
    pattern = re.compile(rf"(?<![\w./])(?:{known})\b")
    assert not [name for name, line in _lines(text_files()) if pattern.search(line)]


def test_every_ignored_type_error_is_named() -> None:
    bare = re.compile(r"#\s*type:\s*ignore(?!\[)")
    assert not [name for name, line in _lines(python_files(*CODE)) if bare.search(line) and "re.compile" not in line]


def test_nothing_is_left_to_do() -> None:
    words = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
    assert not [name for name, line in _lines(python_files(*ROOMS)) if words.search(line)]


def test_modules_and_classes_say_what_they_are() -> None:
    silent = [
        name_of(path) + where
        for path in python_files(*ROOMS)
        for node, where in _documented(path)
        if node.body and ast.get_docstring(node) is None
    ]
    assert not silent


def test_functions_are_small() -> None:
    sizes = sorted(
        (code_lines(path, function), f"{name_of(path)}:{function.name}")
        for path in python_files(*ROOMS)
        for function in functions(path)
    )
    lengths = [length for length, _ in sizes]
    assert statistics.median(lengths) <= MAX_MEDIAN_FUNCTION
    assert lengths[int(0.9 * len(lengths))] <= MAX_P90_FUNCTION
    assert [name for length, name in sizes if length > MAX_FUNCTION] == []


def test_files_hold_one_idea() -> None:
    long = {name_of(path): n for path in python_files(*CODE) if (n := len(path.read_text().splitlines())) > MAX_FILE}
    assert not long


def test_everything_imported_is_a_requirement() -> None:
    """No room leans on a package that only another package happens to bring along."""
    assert _imports_beyond(_named("runtime.in") | _named("embeddings.in"), python_files(*ROOMS)) == {}
    assert _imports_beyond(_named("runtime.in") | _named("dev.in"), python_files("tests")) == {}


@pytest.mark.parametrize("name", ["runtime", "embeddings", "dev"])
def test_locks_hold_what_was_chosen(name: str) -> None:
    chosen, locked = _pins(f"{name}.in"), _pins(f"{name}.txt")
    assert chosen.items() <= locked.items()


@pytest.mark.parametrize("name", ["runtime.in", "runtime.txt", "embeddings.in", "embeddings.txt", "dev.in", "dev.txt"])
def test_requirements_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text and "--" not in re.sub(r"#.*", "", text)


def test_locks_agree() -> None:
    runtime, embeddings, dev = (_pins(f"{name}.txt") for name in ("runtime", "embeddings", "dev"))
    assert all(
        runtime[name] == version for lock in (embeddings, dev) for name, version in lock.items() if name in runtime
    )
    assert embeddings.items() <= (dev | runtime).items()


def _lines(paths: Iterator[Path] | list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            yield f"{name_of(path)}:{number}", line


def _documented(path: Path) -> Iterator[tuple[ast.Module | ast.ClassDef, str]]:
    yield parse(path), ""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node, f":{node.name}"


def _pins(name: str) -> dict[str, str]:
    lines = (re.sub(r"\s*#.*", "", line) for line in (ROOT / "requirements" / name).read_text().splitlines())
    matches = (PINNED.match(line) for line in lines)
    return {_normal(match[1]): match[2] for match in matches if match}


def _named(name: str) -> set[str]:
    return set(_pins(name))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imports_beyond(allowed: set[str], paths: list[Path]) -> dict[str, set[str]]:
    ours = {*CODE, *sys.stdlib_module_names, "_typeshed"}
    homes = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in paths:
        foreign = imported_packages(path) - ours
        if extra := {name for name in foreign if not {_normal(home) for home in homes.get(name, [])} & allowed}:
            found[name_of(path)] = extra
    return found
