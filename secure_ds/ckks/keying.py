"""What a plan must know of a data set's keys beside the ring: how records came under them, and what became of them."""

from dataclasses import dataclass
from typing import Any, Final, Self

from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, Encryption


@dataclass(frozen=True, slots=True)
class Keying:
    """How the columns were encrypted, and how often the secret key was rotated since.

    Attributes:
        encryption: which kind of encryption made the columns.
        rotations: key switchings that every answer passes through, from the key of the columns to that of today.
    """

    encryption: Encryption = SYMMETRIC_SEEDED
    rotations: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"encryption": self.encryption, "rotations": self.rotations}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; TypeError for anything else."""
        return cls(**value)


FRESH: Final = Keying()
"""One owner's own columns under the key that decrypts."""
