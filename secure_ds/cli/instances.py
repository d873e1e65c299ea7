"""Make an instance: directories, key store, database, configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secure_ds.core.evaluators import Evaluator
from secure_ds.core.private_keys import make_private_key, public_hex
from secure_ds.core.settings import Settings, load_settings
from secure_ds.custodian.assembly import make_embedded_keystore
from secure_ds.store.engine import make_engine
from secure_ds.store.migrate import upgrade

CONFIGURATION = "config.toml"
FIRST, SECOND = "first", "second"  # domains of an instance's own workers


class InstanceExists(Exception):
    """The directory holds an instance already."""

    code = "instance_exists"


@dataclass(frozen=True, slots=True)
class NewInstance:
    """A fresh instance and what its maker should know."""

    settings: Settings
    warning: str | None


def make_instance(
    home: Path, *, port: int | None = None, database_url: str | None = None, dual: bool = False
) -> NewInstance:
    """Make an instance in `home`; with `dual` it has the keys of two workers, of two domains in name.

    Raises:
        InstanceExists: there is one.
        HsmError: the embedded token cannot be made.
    """
    home = home.absolute()
    configuration = home / CONFIGURATION
    if configuration.exists():
        raise InstanceExists(f"{home} holds an instance already; use it, or choose another directory")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = load_settings({}, home=home)
    keystore = make_embedded_keystore(settings.custody)
    lines = {
        "keystore_uri": keystore.uri,
        "database_url": database_url,
        "api_port": port,
        "evaluator_key": str(evaluator_file(settings, FIRST)),
        "evaluators": _make_evaluators(settings, (FIRST, SECOND) if dual else (FIRST,)),
    }
    configuration.touch(mode=0o600)
    configuration.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in lines.items() if value))
    settings = load_settings({}, home=home)
    upgrade(make_engine(settings.database))
    return NewInstance(settings, keystore.warning)


def evaluator_file(settings: Settings, domain: str) -> Path:
    """Where an instance keeps the key of its own worker of a domain."""
    return settings.home / "evaluators" / f"{domain}.pem"


def _make_evaluators(settings: Settings, domains: Sequence[str]) -> list[Evaluator]:
    (settings.home / "evaluators").mkdir(mode=0o700)
    keys = {domain: make_private_key(evaluator_file(settings, domain)) for domain in domains}
    return [Evaluator(domain=domain, public_key=public_hex(key)) for domain, key in keys.items()]


def _toml(value: str | int | list[Evaluator]) -> str:
    match value:
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    entries = [f"{{domain = {_toml(each.domain)}, public_key = {_toml(each.public_key)}}}" for each in value]
    return f"[{', '.join(entries)}]"
