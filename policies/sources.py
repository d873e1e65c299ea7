"""The policy directory: which files make up the policies, and which version they are.

    schema.cedarschema    the shape of every fact
    permit/*.cedar        what may be done
    forbid/*.cedar        what may not be done, whoever permits it

Rules kept here: a directory that lacks a part is refused, because a missing forbid folder would read as "no
restriction"; so is a file of another kind beside the policies, because a misspelt extension would drop a forbid in
silence. The version covers every byte that can change a decision.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import rfc8785

from policies.errors import PolicyLoadError

SCHEMA = "schema.cedarschema"
EFFECTS = ("permit", "forbid")
_VERSION_TAG = "secure_ds.policies/1"


def shipped_directory() -> Path:
    """The directory of the policies that come with the service."""
    return Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PolicySources:
    """Text of the schema, and of each policy file by its path relative to the directory (`forbid/tenant.cedar`)."""

    schema: str
    files: Mapping[str, str]

    def policy_text(self) -> str:
        """All policies as one text, in the order of the files."""
        return "\n".join(self.files.values())

    def version(self) -> str:
        """Digest (`sha256:<hex>`) of schema and policy files, names included."""
        content = rfc8785.dumps({"format": _VERSION_TAG, "schema": self.schema, "files": {**self.files}})
        return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_sources(directory: Path) -> PolicySources:
    """Read a policy directory.

    Raises:
        PolicyLoadError: the schema or a folder is missing or empty, a file is unreadable or of another kind.
    """
    files = {name: text for effect in EFFECTS for name, text in _read_folder(directory, effect).items()}
    return PolicySources(schema=_read_text(directory / SCHEMA), files=files)


def _read_folder(directory: Path, effect: str) -> dict[str, str]:
    try:
        paths = sorted((directory / effect).iterdir())
    except OSError as error:
        raise PolicyLoadError(f"policy folder {effect}/ cannot be read: {error.strerror}") from error
    if not paths:
        raise PolicyLoadError(f"policy folder {effect}/ is empty: it must hold at least one .cedar file")
    for path in paths:
        if path.suffix != ".cedar":
            raise PolicyLoadError(f"policy folder {effect}/ holds {path.name}: only .cedar files belong there")
    return {f"{effect}/{path.name}": _read_text(path) for path in paths}


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyLoadError(f"policy file {path.name} is missing or cannot be read as UTF-8 text") from error
    if not text.strip():
        raise PolicyLoadError(f"policy file {path.name} is empty")
    return text
