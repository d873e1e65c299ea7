"""The mechanism of least squares: what one record changes, how noise is shared out, and what it costs.

Released are A = X^T X (diagonal and upper triangle) and B = X^T V, once, for the records x_i of the data with their
labels v_i: y - 1/2 for two classes, ([y = k] - 1/c)_k for c > 2, of squared norm V^2 = 1/4 or 1 - 1/c.

Formal guarantee. Let neighbours be data sets that differ by one record set to zero, n being public. It changes A by
x x^T and B by x v^T. Weigh the entries off A's diagonal by sqrt(2): the weighted upper triangle of x x^T has norm
|x x^T|_F = |x|^2. The norm check admits |x|^2 <= 1 + eta and |v|^2 <= V^2 + eta. The custodian rounds numbers to units
u_A and u_B before it adds noise; for honest uploads that is exact, and whatever a foreign upload does to a sum (also
other owners', also with wrap-arounds), a record still changes a rounded number by its share but for ROUNDING_SLACK
units (`secure_ds.ckks.decryption.decrypt_rounded`). In norm over all numbers, weighted, that is at most
    S_A = 1 + eta + 4 u_A d,    S_B = sqrt((1 + eta)(V^2 + eta)) + 4 u_B sqrt(d m).
Noise has deviation sigma on A's diagonal, sigma / sqrt(2) off it, and sigma S_B / S_A on B. In units of the noise a
record changes A by at most S_A / sigma and B by S_A / sigma, so the answer is mu-GDP with mu^2 = 2 k^2 S_A^2 / sigma^2
for persons with up to k records: sensitivity sqrt(2) k S_A at noise sigma, half of mu^2 for A and half for B. What is
solved from the answer is post-processing. The noise is discrete, on a grid of 2^-10 units; its distance to the Gaussian
is paid from delta (`secure_ds.privacy.approximation`). Assumed: the norm check passed and nobody wrapped records around
it on purpose, the trainer evaluated the honest circuit on the uploaded ciphertexts, and the custodian drew the noise.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import inf, nextafter, sqrt
from typing import Final

from secure_ds.ckks.statistics_plan import ROUNDING_SLACK, StatisticsPlan
from secure_ds.privacy.mechanism import GaussianMechanism, calibrate

STEPS_PER_UNIT: Final = 1 << 10


@dataclass(frozen=True, slots=True)
class Sensitivities:
    """What one record changes, in norm.

    Attributes:
        moments: S_A, of the weighted second moments.
        labels: S_B, of the moments with the labels.
    """

    moments: float
    labels: float

    @property
    def joint(self) -> float:
        """Sensitivity of both together, in units in which the moments' noise has deviation sigma; rounded up."""
        return nextafter(self.moments * sqrt(2), inf)

    @property
    def label_noise(self) -> Fraction:
        """Deviation of the noise on the labels' moments per sigma."""
        return Fraction(self.labels) / Fraction(self.moments)


def sensitivities(circuit: StatisticsPlan) -> Sensitivities:
    """Return S_A and S_B of the module's guarantee, rounded up."""
    d, m, eta = circuit.n_features, circuit.n_labels, circuit.eta
    label_square = 0.25 if circuit.n_classes == 2 else 1 - 1 / circuit.n_classes
    moments = 1 + eta + ROUNDING_SLACK * d / circuit.moment_units
    labels = sqrt((1 + eta) * (label_square + eta)) + ROUNDING_SLACK * sqrt(d * m) / circuit.label_units
    return Sensitivities(_up(moments), _up(labels))


def mechanism_for(circuit: StatisticsPlan, units: int, records_per_person: int) -> GaussianMechanism:
    """Return the one release of least noise that costs at most `units` (1e-12 mu^2)."""
    return calibrate((sensitivities(circuit).joint,), units, records_per_person, least=0.0)


def _up(value: float) -> float:
    return value * (1 + 2.0**-48)
