"""Settings of a training job as a function of public numbers alone: n, d, and the privacy cost allowed.

Tuning on private data is a release, so nothing is tuned there: one table, fixed in code, chosen on other data.

The table is read by the *strength* of the signal, n * mu / (k * sqrt(d)): n records that each move a sum by about
1/sqrt(d) a coordinate, against noise of about k / mu a coordinate if everything were spent on one step. A weak signal
wants few steps and a small ball; a strong one can pay for more steps, which ill-conditioned features need.

How it was chosen: the clear-text twin on 31 tasks - digit pairs of scikit-learn (3-5, 4-9), wine (two pairs), MNIST
4-9, 3-5 and 7-9 at 600 to 11,791 records, cardiotocography (normal or not), and Gaussian mixtures, at epsilon 0.5, 1
and 4 - over 144 settings of steps, radius, step size and momentum. Each row has the least mean loss of accuracy, or one
within 0.1 points of it, against the best setting of each task among the tasks of its range: 0.7, 0.2, 0.2 and 0.5
points. Between equals in the last row, six more MNIST pairs at full size decided. Breast cancer, MNIST 3-vs-8 and
Framingham were not among the tasks.
"""

from dataclasses import dataclass
from math import sqrt

from secure_ds.privacy.gdp import UNITS_PER_MU_SQUARED


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of full-batch gradient descent with momentum.

    Attributes:
        steps: number of steps, each one release.
        radius: bound R on the l2 norm of the weights; the cubic is fitted on +-R.
        learning_rate: step size on the mean gradient.
        momentum: heavy-ball factor in [0, 1).
    """

    steps: int
    radius: float
    learning_rate: float
    momentum: float


# Step sizes are about 1, 3, 1 and 2 over the slope of the cubic at 0 (0.217 at R = 4, 0.084 at R = 16): the loss is
# curved by at most that slope, and heavy ball with momentum 0.9 is stable up to 3.8 over it.
_TABLE = (
    (9.0, Settings(steps=4, radius=4.0, learning_rate=4.5, momentum=0.9)),
    (30.0, Settings(steps=4, radius=4.0, learning_rate=14.0, momentum=0.9)),
    (150.0, Settings(steps=16, radius=16.0, learning_rate=12.0, momentum=0.9)),
)
_STRONGEST = Settings(steps=16, radius=16.0, learning_rate=24.0, momentum=0.9)


def signal_strength(n_records: int, n_features: int, units: int, records_per_person: int) -> float:
    """Return n * mu / (k * sqrt(d)) for a cost of `units` (1e-12 mu^2)."""
    return n_records * sqrt(units / UNITS_PER_MU_SQUARED) / (records_per_person * sqrt(n_features))


def settings_for(n_records: int, n_features: int, units: int, records_per_person: int = 1) -> Settings:
    """Return the settings of a job from public numbers.

    Args:
        n_records: records of the data set.
        n_features: features, the bias included.
        units: cost the job may have, in units of 1e-12 mu^2.
        records_per_person: records that one person may have.
    """
    strength = signal_strength(n_records, n_features, units, records_per_person)
    return next((settings for limit, settings in _TABLE if strength < limit), _STRONGEST)
