"""What a plan must know of a data set's keys beside the ring: how records came under them, and what became of them."""

from dataclasses import dataclass
from typing import Any, Final, Self

from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, Encryption


@dataclass(frozen=True, slots=True)
class Keying:
    """How the columns were encrypted, and whether the secret key was rotated since.

    Attributes:
        encryption: which kind of encryption made the columns.
        rotated: whether every answer is switched from the key of the columns to another one.
    """

    encryption: Encryption = SYMMETRIC_SEEDED
    rotated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"encryption": self.encryption, "rotated": self.rotated}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; TypeError for anything else."""
        return cls(**value)


FRESH: Final = Keying()
"""One owner's own columns under the key that decrypts."""
