"""Make an instance: directories, key store, database, configuration."""

from dataclasses import dataclass
from pathlib import Path

from secure_ds.core.settings import Settings, load_settings
from secure_ds.custodian.assembly import make_embedded_keystore
from secure_ds.store.engine import make_engine
from secure_ds.store.migrate import upgrade

CONFIGURATION = "config.toml"


class InstanceExists(Exception):
    """The directory holds an instance already."""

    code = "instance_exists"


@dataclass(frozen=True, slots=True)
class NewInstance:
    """A fresh instance and what its maker should know."""

    settings: Settings
    warning: str | None


def make_instance(home: Path, *, port: int | None = None, database_url: str | None = None) -> NewInstance:
    """Make an instance in `home`.

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
    lines = {"keystore_uri": keystore.uri, "database_url": database_url, "api_port": port}
    configuration.touch(mode=0o600)
    configuration.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in lines.items() if value))
    settings = load_settings({}, home=home)
    upgrade(make_engine(settings.database))
    return NewInstance(settings, keystore.warning)


def _toml(value: str | int) -> str:
    return str(value) if isinstance(value, int) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
