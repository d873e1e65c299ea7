"""Public data sets that are not part of the repository: `../shared/data` beside it."""

from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[2] / "shared" / "data"


class MissingData(Exception):
    """A benchmark's data file is not there; the benchmark is skipped, loudly."""

    code = "missing_data"


def data_file(name: str) -> Path:
    """Return where a public data set lies.

    Raises:
        MissingData: it is not there.
    """
    path = DIRECTORY / name
    if not path.is_file():
        raise MissingData(f"{name} is not there: put it at ../shared/data/{name}, beside the repository")
    return path
