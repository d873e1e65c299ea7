"""Errors of the models room. Each carries a stable `code`; messages say what was wrong and what would be right."""

from typing import ClassVar


class ModelError(ValueError):
    """Root of everything this room raises on purpose."""

    code: ClassVar[str] = "model_error"


class InvalidModelConfig(ModelError):
    """A configuration is incomplete, contradicts itself, or asks for what no family builds."""

    code: ClassVar[str] = "invalid_model_config"


class TargetsNotFound(ModelError):
    """A transform was to adapt layers by names that no layer of the model has.

    Attributes:
        names: the names that matched nothing.
    """

    code: ClassVar[str] = "targets_not_found"

    def __init__(self, names: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(f"no Linear layer is called {', '.join(names)}; there are: {', '.join(known) or 'none'}")
        self.names = names


class MixesRecords(ModelError):
    """A layer lets one record of a batch change what another record's output or gradient is."""

    code: ClassVar[str] = "mixes_records"
