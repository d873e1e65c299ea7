"""What the noise refuses."""

from typing import ClassVar


class InvalidNoise(ValueError):
    """Noise was asked for that this room cannot prove anything about."""

    code: ClassVar[str] = "invalid_noise"
