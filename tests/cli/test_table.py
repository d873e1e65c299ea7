"""Every command exists, says the same in the table and in its own help, and helps with an example."""

from collections.abc import Iterator

import click
import pytest

from secure_ds.cli.lazy import LazyGroup, Row
from secure_ds.cli.table import ROOT
from tests.cli.conftest import Shell

UNPRINTED = frozenset({"up", "demo", "init", "api", "worker", "custodian"})  # these run, they print no result


def rows(group: LazyGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Row]]:
    for name, row in group.rows.items():
        if isinstance(row, LazyGroup):
            yield from rows(row, (*path, name))
        else:
            yield (*path, name), row


COMMANDS = dict(rows(ROOT))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_command_is_what_the_table_says(path: tuple[str, ...]) -> None:
    command = COMMANDS[path].load()
    assert isinstance(command, click.Command) and command.help
    assert command.help.partition("\n")[0] == COMMANDS[path].summary
    assert f"secure-ds {' '.join(path)}" in command.help, "help shows an example"


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[0] not in UNPRINTED], ids=" ".join)
def test_results_can_be_had_as_json(path: tuple[str, ...]) -> None:
    assert "--json" in [option for parameter in COMMANDS[path].load().params for option in parameter.opts]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_every_option_is_written(path: tuple[str, ...]) -> None:
    options = [each for each in COMMANDS[path].load().params if isinstance(each, click.Option)]
    assert [each.opts for each in options if not each.help and not isinstance(each.type, click.Choice)] == []


def test_no_option_takes_a_secret() -> None:
    options = [opt for row in COMMANDS.values() for each in row.load().params for opt in each.opts]
    assert not {"--token", "--password", "--pin"} & set(options)


def test_help_lists_every_group(shell: Shell) -> None:
    outcome = shell("--help")
    assert outcome.code == 0
    for name in ROOT.rows:
        assert name in outcome.out


def test_help_of_the_root_imports_no_command() -> None:
    import subprocess
    import sys

    probe = (
        "import sys; from secure_ds.cli.main import main; main(['--help']); "
        "assert not [name for name in sys.modules if name.startswith('secure_ds.cli.commands.')]; "
        "assert 'tenseal' not in sys.modules and 'sqlalchemy' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True).returncode == 0


@pytest.mark.parametrize("arguments", [(), ("job",), ("nonsense",), ("job", "show"), ("job", "ls", "--nonsense")])
def test_wrong_command_lines_exit_with_two(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell(*arguments)
    assert outcome.code == 2 and "Usage:" in outcome.out + outcome.err


def test_version_is_shown(shell: Shell) -> None:
    assert shell("--version").code == 0
