"""What all feature maps share: records stream through them in batches, and end in the unit ball on its grid."""

from abc import abstractmethod
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from secure_ds.data.feature_maps.unit_ball import Declaration, UnitBall
from secure_ds.data.records import FloatArray, Records

BATCH: Final = 256  # records; beside the result only this many are held as features
MAX_WIDTH: Final = 4095  # features without the bias

Name = Annotated[str, Field(min_length=1, max_length=128)]


class RecordMap(Declaration):
    """Base of the maps. A subclass declares `map`, `version` and its constants, and says `width` and `features`.

    Attributes:
        about: where the constants come from; they must not come from the records.
        unit_ball: the declared scale of the whole record.
    """

    about: Annotated[str, Field(max_length=4096)] = ""
    unit_ball: UnitBall

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of features, without the bias."""

    @abstractmethod
    def features(self, records: Records) -> FloatArray:
        """Return (n, width); row i is a function of record i and of declared constants, to the last bit.

        Raises:
            InvalidRecords: a declared column is absent, or a cell cannot be used.
        """

    @property
    def n_features(self) -> int:
        """Number of features, the bias included."""
        return self.width + 1

    def apply(self, records: Records) -> FloatArray:
        """Return (n, n_features) with rows of norm at most 1, all on the grid, bias last.

        Raises:
            InvalidRecords: a declared column is absent, or a cell cannot be used.
        """
        placed = np.empty((len(records), self.n_features))
        for number, batch in enumerate(records.batches(BATCH)):
            placed[number * BATCH : number * BATCH + len(batch)] = self.unit_ball.place(self.features(batch))
        return placed
