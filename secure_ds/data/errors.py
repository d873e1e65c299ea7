"""What can be wrong with records, descriptors and envelopes.

Every error carries a stable `code`; messages name rows and columns, never a value of a record.
"""

from typing import ClassVar


class DataError(Exception):
    """Root of this room's errors."""

    code: ClassVar[str] = "data_error"


class InvalidRecords(DataError):
    """Records or labels cannot be used; the message says where and what would be right."""

    code: ClassVar[str] = "invalid_records"


class UnreadableFile(DataError):
    """A data file is not what its name says, or lacks what was asked of it."""

    code: ClassVar[str] = "unreadable_file"


class InvalidDescriptor(DataError):
    """A data set descriptor is malformed or contradicts itself."""

    code: ClassVar[str] = "invalid_descriptor"


class InvalidModel(DataError):
    """The local model of a feature map is absent, is not the declared one, or does not compute what was declared."""

    code: ClassVar[str] = "invalid_model"


class MissingDependency(DataError):
    """Something optional is not installed; the message names it."""

    code: ClassVar[str] = "missing_dependency"


class InvalidStatement(DataError):
    """The statement of a collaboration is malformed or contradicts itself."""

    code: ClassVar[str] = "invalid_statement"


class InvalidConsent(DataError):
    """A consent is malformed, or is about something else."""

    code: ClassVar[str] = "invalid_consent"


class InvalidEnvelope(DataError):
    """A signed envelope does not verify. Every cause looks the same from outside."""

    code: ClassVar[str] = "invalid_envelope"

    def __init__(self) -> None:
        """Make the one message there is."""
        super().__init__("the envelope is malformed or not signed by the expected key")


class ContainerRefused(DataError):
    """A sealed container does not open. Every cause looks the same from outside."""

    code: ClassVar[str] = "container_refused"

    def __init__(self) -> None:
        """Make the one message there is."""
        super().__init__("the container is not the one that was sealed for this data set under this key")
