"""What can go wrong on the owner's machine."""

from typing import ClassVar


class ClientError(Exception):
    """Root of this room's errors."""

    code: ClassVar[str] = "client_error"


class InvalidPackage(ClientError):
    """An encrypted package cannot be written there, or is unfinished or damaged."""

    code: ClassVar[str] = "invalid_package"
