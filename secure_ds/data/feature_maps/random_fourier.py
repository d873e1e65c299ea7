"""Random Fourier features (Rahimi and Recht 2007) of another map: a linear model of them is one of a Gaussian kernel.

Rules kept here:

1. The frequencies follow from the declared seed by SHAKE-256 and whole numbers alone, so that every machine and version
   of NumPy finds the same: coordinate i of frequency j is (c - 128) / 8, c the ones among 256 bits of the stream. Its
   mean is 0, its variance 1, and its characteristic function cos(t / 16)**256, which differs from exp(-t**2 / 2), that
   of the normal distribution, by less than 0.001 for |t| <= 25. Here |t| <= 2 / lengthscale <= 20.
2. The base record lies on a grid, so its product with a frequency is a whole number in units of that grid: the sums are
   exact in any order, and no other record reaches a row.
"""

from functools import lru_cache
from hashlib import shake_256
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from secure_ds.ckks.record_grid import GRID_BITS
from secure_ds.data.feature_maps.plain_maps import PlainMap
from secure_ds.data.feature_maps.record_map import RecordMap
from secure_ds.data.records import FloatArray, Records

_DOMAIN: Final = b"secure-ds/random_fourier/1\x00"
_BITS: Final = 256
_DEVIATION: Final = 8.0  # of the ones among 256 fair bits


class RandomFourier(RecordMap):
    """Cosine and sine of random frequencies of a base map's records.

    The inner product of two mapped records, without the bias, is close to exp(-|x - y|**2 / (2 lengthscale**2)).

    Attributes:
        base: the map underneath, with its bias, in its unit ball.
        seed: any public text; not chosen by looking at what it gives.
        frequencies: number of them; each makes two features.
        lengthscale: distance in the base's unit ball over which records count as alike.
    """

    map: Literal["random_fourier"] = "random_fourier"
    version: Literal[1] = 1
    base: PlainMap
    seed: Annotated[str, Field(min_length=1, max_length=256)]
    frequencies: Annotated[int, Field(ge=1, le=2047)]
    lengthscale: Annotated[float, Field(ge=0.1, le=1e3, allow_inf_nan=False)]

    @property
    def width(self) -> int:
        """Two features per frequency."""
        return 2 * self.frequencies

    def features(self, records: Records) -> FloatArray:
        """Return (n, width) of length 1: all cosines, then all sines.

        Raises:
            InvalidRecords: the base map cannot take the records.
        """
        whole = np.rint(self.base.apply(records) * 2.0**GRID_BITS)
        products = whole @ frequencies(self.seed, self.frequencies, self.base.n_features)
        angles = products * (2.0**-GRID_BITS / (_DEVIATION * self.lengthscale))
        turned: FloatArray = np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(self.frequencies)
        return turned


@lru_cache(maxsize=2)
def frequencies(seed: str, n_frequencies: int, n_coordinates: int) -> FloatArray:
    """Return (n_coordinates, n_frequencies) of whole numbers, mean 0 and standard deviation 8."""
    columns = [_frequency(seed, number, n_coordinates) for number in range(n_frequencies)]
    return np.column_stack(columns).astype(np.float64)


def _frequency(seed: str, number: int, n_coordinates: int) -> np.ndarray:
    stream = shake_256(_DOMAIN + number.to_bytes(4, "big") + seed.encode()).digest(n_coordinates * _BITS // 8)
    octets = np.frombuffer(stream, dtype=np.uint8).reshape(n_coordinates, _BITS // 8)
    ones: np.ndarray = np.bitwise_count(octets).sum(axis=1, dtype=np.int64) - _BITS // 2
    return ones
