"""`secure-ds`: runs a command and turns every failure into one clear paragraph and an exit code.

Exit codes: 0 success, 1 refused or failed, 2 the command line is wrong, 130 interrupted. A traceback is never shown.
"""

import os
import sys
from collections.abc import Sequence

import click

from secure_ds import __version__
from secure_ds.cli.table import ROOT
from secure_ds.core.logs import describe_error

FAILED = 1
INTERRUPTED = 130

root = click.version_option(__version__, package_name="secure-ds")(ROOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        code = root.main(arguments, prog_name="secure-ds", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
        return FAILED
    except Exception as error:
        click.echo(paragraph(error), err=True)
        return FAILED
    return code if isinstance(code, int) else 0


def paragraph(error: Exception) -> str:
    """Return an error's code, what was wrong, and what would be right."""
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return " ".join(part for part in (f"error {code}: {_sentence(str(error))}", *_advice(error)) if part)
    if isinstance(error, OSError):
        return f"error os_error: {_sentence(str(error))}"
    described = describe_error(error)
    return f"error internal_error: {described['error']} at {described['where'][-1]}; please report this"


def _advice(error: Exception) -> list[str]:
    remedy, request_id = getattr(error, "remedy", None), getattr(error, "request_id", None)
    sentence = _sentence(remedy[:1].upper() + remedy[1:]) if remedy else ""
    return [sentence, f"(request {request_id})" if request_id else ""]


def _sentence(text: str) -> str:
    text = text.strip() or "no detail"
    return text if text[-1] in ".!?" else text + "."


if __name__ == "__main__":
    sys.exit(main())
