"""All configuration, read in one place and validated at start.

Order of precedence: environment variables `SECURE_DS_<FIELD>`, then the TOML file named by `SECURE_DS_CONFIG` (or
`<home>/config.toml`), then the defaults, which describe an embedded instance on one machine. An unknown key is an
error: a misspelt setting must not fall back to a default in silence.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from secure_ds.core.evaluators import Evaluator, Evaluators
from secure_ds.core.resources import DEFAULT_MEMORY, Resources, all_cores

PREFIX = "SECURE_DS_"
CLIENT_VARIABLES = frozenset({"CONFIG", "URL", "TOKEN", "TRUST_FILE", "PIN"})  # read elsewhere, not settings
MAX_SOCKET_PATH = 107  # bytes, sun_path of a Unix socket


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be used."""

    code = "settings_invalid"


def _from_json(value: Any) -> Any:
    """Lists come from the environment as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        raise ValueError("must be a JSON list") from None


class Settings(BaseModel):
    """An instance's configuration; frozen after start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(description="directory of the instance")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite under home")
    blob_directory: Path | None = None
    custodian_socket: Path | None = None
    custodian_directory: Path | None = Field(default=None, description="journal, PIN file and token of the custodian")
    keystore_uri: str = Field(default="", description="pkcs11: URI (RFC 7512) or software:<directory>")
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8443, ge=0, le=65535)
    api_threads: int = Field(default=64, ge=2, le=512)
    max_json_bytes: int = Field(default=16 * 2**20, ge=1024)
    max_blob_bytes: int = Field(default=512 * 2**20, ge=1024)
    lease_seconds: float = Field(default=30.0, gt=0.5, le=3600)
    checkpoint_seconds: float = Field(default=60.0, gt=0, le=60)
    origin: str = Field(default="secure-ds.local/audit", description="name of the audit log on its checkpoints")
    evaluators: Annotated[tuple[Evaluator, ...], BeforeValidator(_from_json)] = Field(
        default=(), description="public keys of the workers whose word counts in dual evaluation, with their domains"
    )
    evaluator_key: Path | None = Field(default=None, description="this worker's own key file; see `evaluators`")
    confirmation_seconds: float = Field(
        default=3600.0, gt=0, description="how long a step waits for a worker of another domain before its job fails"
    )
    evaluator_processes: int = Field(default=0, ge=0, le=1024, description="processes of a step; 0 for one a core")
    evaluator_memory: int = Field(
        default=DEFAULT_MEMORY, ge=2**20, description="bytes of ciphertexts a step holds; the rest lies in files"
    )
    evaluator_directory: Path | None = Field(default=None, description="where those files are; default: temporary")
    trainer_engine: Literal["bookkeeping", "hooks"] = Field(
        default="bookkeeping", description="ghost norms of Opacus cancel in float32, so they are for tests alone"
    )
    trainer_device: Literal["auto", "cpu", "cuda"] = "auto"
    trainer_precision: Literal["float32", "bfloat16"] = "float32"
    trainer_micro_batch: int = Field(default=64, ge=1, le=2**16, description="privacy units clipped at a time")
    trainer_compile: bool = False
    trainer_processes: int = Field(default=1, ge=1, le=1024, description="processes of a sealed job's trainer")
    production: bool = False
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _socket_path_fits(self) -> Self:
        if len(os.fsencode(self.socket)) > MAX_SOCKET_PATH:
            raise ValueError(f"custodian_socket: a Unix socket path has at most {MAX_SOCKET_PATH} bytes; shorten home")
        return self

    @field_validator("evaluators")
    @classmethod
    def _evaluators_are_distinct(cls, listed: tuple[Evaluator, ...]) -> tuple[Evaluator, ...]:
        return Evaluators(listed).listed

    @property
    def allowed_evaluators(self) -> Evaluators:
        """The workers whose word counts."""
        return Evaluators(self.evaluators)

    @property
    def resources(self) -> Resources:
        """What a worker may use for evaluating a step."""
        return Resources(self.evaluator_processes or all_cores(), self.evaluator_memory, self.evaluator_directory)

    @property
    def trainer(self) -> dict[str, Any]:
        """How fast sealed jobs are trained, never what: `secure_ds.training.dp.performance`."""
        names = ("engine", "device", "precision", "micro_batch", "compile", "processes")
        return {name: getattr(self, f"trainer_{name}") for name in names}

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the service's database."""
        return self.database_url or f"sqlite:///{self.home / 'secure_ds.db'}"

    @property
    def blobs(self) -> Path:
        """Directory of the uploaded ciphertexts and evaluation keys."""
        return self.blob_directory or self.home / "blobs"

    @property
    def socket(self) -> Path:
        """The custodian's Unix socket."""
        return self.custodian_socket or self.home / "run" / "custodian.sock"

    @property
    def custody(self) -> Path:
        """Directory only the custodian reads: its journal, PIN file and embedded token."""
        return self.custodian_directory or self.home / "custodian"


def load_settings(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: a key is unknown, a value is out of range, or the TOML file cannot be read.
    """
    environment = os.environ if environment is None else environment
    from_environment = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in CLIENT_VARIABLES
    }
    home = Path(overrides.get("home") or from_environment.get("home") or "var").absolute()
    merged = {**_from_file(environment, home), **from_environment, **overrides, "home": home}
    try:
        return Settings(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"setting {'.'.join(map(str, first['loc'])) or 'value'}: {first['msg']}") from error


def _from_file(environment: Mapping[str, str], home: Path) -> dict[str, Any]:
    named = environment.get(PREFIX + "CONFIG")
    path = Path(named) if named else home / "config.toml"
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"configuration file {path}: {error}") from error
