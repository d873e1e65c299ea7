"""The CKKS secret key: a polynomial with coefficients -1, 0 and 1.

Rules kept here:

1. Outside a process it exists only as `to_bytes`, and that only sealed or wrapped: a tag, the degree, then two bits a
   coefficient (4,102 bytes at N = 16384). SEAL's own file holds its evaluations modulo every prime, a hundred times as
   long, and may hold a polynomial that is not ternary; here another polynomial cannot be written down.
2. It has no representation, is never pickled, and forgets its coefficients when `wipe` is called or a `with` block
   ends. (Python cannot promise that no copy survives in freed memory.)

Format, version 1: `53 44 53 4b 01` ("SDSK", 1), one byte log2 N, N/4 bytes; coefficient 4i + j in bits 2j and 2j + 1
of byte i, 0 as 0, 1 as 1, -1 as 2.
"""

from types import TracebackType
from typing import Final, NoReturn, Self

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import DecryptionFailed
from secure_ds.ckks.ntt import PrimeField, Residues, transform

_TAG: Final = b"SDSK\x01"
_SHIFTS: Final = np.array([0, 2, 4, 6], dtype=np.uint8)
_MIN_LOG_DEGREE, _MAX_LOG_DEGREE = 12, 15


class SecretKey:
    """A ternary secret of one ring; the same for every chain of primes over that ring."""

    __slots__ = ("_coefficients",)

    def __init__(self, coefficients: npt.NDArray[np.int8]) -> None:
        """Take (N,) coefficients out of -1, 0, 1.

        Raises:
            ValueError: a coefficient is another number.
        """
        if not np.isin(coefficients, (-1, 0, 1)).all():
            raise ValueError("a secret key has coefficients -1, 0 and 1 only")
        self._coefficients = coefficients

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            DecryptionFailed: the bytes are anything else.
        """
        log_degree = data[len(_TAG)] if len(data) > len(_TAG) else 0
        body = np.frombuffer(data, dtype=np.uint8, offset=min(len(data), len(_TAG) + 1))
        codes = (body[:, None] >> _SHIFTS & 3).ravel().astype(np.int8)
        is_framed = data.startswith(_TAG) and _MIN_LOG_DEGREE <= log_degree <= _MAX_LOG_DEGREE
        if not is_framed or codes.size != 1 << log_degree or (codes == 3).any():
            raise DecryptionFailed
        return cls(np.where(codes == 2, np.int8(-1), codes))

    def to_bytes(self) -> bytes:
        """Return the key in the format above. Seal it at once, and do not keep it."""
        codes = np.where(self._coefficients < 0, 2, self._coefficients).astype(np.uint8).reshape(-1, 4)
        header = _TAG + bytes([self.degree.bit_length() - 1])
        packed: npt.NDArray[np.uint8] = np.bitwise_or.reduce(codes << _SHIFTS, axis=1)
        return header + packed.tobytes()

    @property
    def degree(self) -> int:
        """The polynomial degree N."""
        return int(self._coefficients.size)

    def evaluations(self, prime: int) -> Residues:
        """Return the (N,) evaluations modulo `prime` in SEAL's order."""
        residues = PrimeField(prime).reduce_signed(self._coefficients.astype(np.int64))
        return transform(self.degree, prime).forward(residues)

    def automorphism(self, element: int) -> "SecretKey":
        """Return s(X^g), g = `element` odd: as secret as the key itself, and as much to be wiped."""
        places = np.arange(self.degree) * element % (2 * self.degree)
        turned = np.empty_like(self._coefficients)
        turned[places % self.degree] = np.where(places < self.degree, self._coefficients, -self._coefficients)
        return SecretKey(turned)

    def wipe(self) -> None:
        """Overwrite the coefficients with zeros; the key is of no further use."""
        self._coefficients[:] = 0

    def __enter__(self) -> Self:
        """Use the key for the length of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the key."""
        self.wipe()

    def __repr__(self) -> str:
        """Say what it is and nothing more."""
        return f"<SecretKey of degree {self.degree}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise TypeError("a secret key cannot be pickled")
