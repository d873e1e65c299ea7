"""Settings of a softmax job as a function of public numbers alone: n, d, c, and the privacy cost allowed.

Tuning on private data is a release, so nothing is tuned there: one table, fixed in code, chosen on other data.

The table is read by the *strength* of the signal, n * mu / (k * sqrt(d)), as for two classes
(`secure_ds.training.encrypted.logistic.rule`): the noise of a c x d gradient has a spectral norm of about
sqrt(c) + sqrt(d) deviations, and c is small beside d. Rows speak of W/c, whose scores are shares of probability: a
radius of 1/2 to 3 there, a step size beside a curvature of at most 1 there. Radius and learning rate are c times as
large for W itself.

How it was chosen: the clear-text twin on 16 tasks - digits of scikit-learn (10 classes, 600 and 1,348 records), wine
(3), four attributes of census records told from the others (6 to 16 classes, 3,000 and 36,632 records), the kind of the
next letter of a text (4 classes, 20,000 and 60,000 records of 196 features) and Gaussian mixtures of 3 to 20 classes
and up to 60,000 x 401 - at epsilon 0.5, 1 and 4, over 240 settings of steps, radius, step size and momentum. Each row
has the least mean loss of accuracy against the best setting of each task among the tasks of its range, or one within
0.2 points of it that takes fewer steps: 1.3, 2.1, 2.1 and 0.7 points. SNIPS, MNIST and cardiotocography were not among
the tasks.
"""

from dataclasses import dataclass
from typing import Final

from secure_ds.training.encrypted.logistic.rule import signal_strength


@dataclass(frozen=True, slots=True)
class SoftmaxSettings:
    """Settings of full-batch gradient descent with momentum on a matrix of weights.

    Attributes:
        steps: number of steps, each one release.
        radius: bound R on the spectral norm of the weights.
        learning_rate: step size on the mean gradient.
        momentum: heavy-ball factor in [0, 1).
    """

    steps: int
    radius: float
    learning_rate: float
    momentum: float


_TABLE: Final = (
    (30.0, SoftmaxSettings(steps=8, radius=0.5, learning_rate=1.5, momentum=0.9)),
    (300.0, SoftmaxSettings(steps=12, radius=0.5, learning_rate=1.5, momentum=0.9)),
    (1500.0, SoftmaxSettings(steps=12, radius=1.5, learning_rate=3.5, momentum=0.9)),
)
_STRONGEST: Final = SoftmaxSettings(steps=24, radius=3.0, learning_rate=3.0, momentum=0.9)


def settings_for(
    n_records: int, n_features: int, n_classes: int, units: int, records_per_person: int = 1
) -> SoftmaxSettings:
    """Return the settings of a job from public numbers.

    Args:
        n_records: records of the data set.
        n_features: features, the bias included.
        n_classes: c.
        units: cost the job may have, in units of 1e-12 mu^2.
        records_per_person: records that one person may have.
    """
    strength = signal_strength(n_records, n_features, units, records_per_person)
    row = next((settings for limit, settings in _TABLE if strength < limit), _STRONGEST)
    return SoftmaxSettings(row.steps, n_classes * row.radius, n_classes * row.learning_rate, row.momentum)
