"""Plan of the norm check that every upload passes before a job may use it, and the judgement of its result.

Pure Python and NumPy: the custodian, which decrypts the result, judges it with this module.

Rules kept here:
  1. The check computes the squared norm of every record (features, bias, slack) and of its label vector: one
     ciphertext each per block, two records per slot. A record must give 1 and the label norm of its coding (1/4 for
     one column of y - 1/2, 1 - 1/c for c columns of [y = k] - 1/c); a place without a record 0 and 0.
  2. Every complex slot is one pair of real numbers (`secure_ds.ckks.slots`), so there is nothing else to check, and
     the custodian sees nothing else: for an honest upload constants, up to the noise of the check.
  3. What is read may differ by eta/4 from what is right. The check's own error, and what the errors of honest columns
     change, stay below eta/16 each (else there is no plan): honest records pass, and what passes is within 5 eta/16.
  4. Nothing leaves but pass or fail, and the caller counts failures.

Known limit: sums are read modulo the check's modulus q = q_0 q_1 q_2, so rule 3 binds records of squared norm up to 8
(labels likewise) in columns below q/2. That is every record that a mistake can make: what is larger wraps, and one slot
that wraps unlike the others spoils its block. A client that lifts *all* N/2 slots of a block by the same multiple of
q / scale, or hides multiples of q in its columns, passes with records far longer. It deceives about the records it
encrypted itself and about no other owner's: sums add up, and noise is added modulo q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, Encryption
from secure_ds.ckks.keying import Keying
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.slots import split

MAX_ETA = 2.0**-6
MAX_BLOCKS = 4096
MAX_LABELS = 64
MAX_LEVEL = 2
"""Level of the check's ciphertexts, if the parameters have it: above the tail, so that the whole chain's keys serve."""

_GAIN = 4  # the check computes four times the squared norms
_SPARE_BITS = 7  # _GAIN * 8 * sqrt(2) in a coefficient stays below half the modulus: squared norms up to 8 do not wrap


@dataclass(frozen=True)
class NormCheckPlan:
    """One data set's norm check. Make it with `plan_norm_check`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_features: feature columns, the bias included.
        n_labels: label columns.
        n_blocks: ciphertexts per column.
        eta: tolerance.
        lift: integer that lifts columns above the noise of conjugation.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_features: int
    n_labels: int
    n_blocks: int
    eta: float
    lift: int

    @property
    def lifted_scale(self) -> float:
        """Scale of a lifted column."""
        return self.input_scale * self.lift

    @property
    def product_scale(self) -> float:
        """Scale of a product of a column with a lifted one."""
        return self.lifted_scale * self.input_scale

    @property
    def scale(self) -> float:
        """Scale of the check's ciphertexts."""
        return _GAIN * self.product_scale

    @property
    def label_norm(self) -> float:
        """Squared norm of every record's label vector."""
        return label_norm(self.n_labels)

    @property
    def level(self) -> int:
        """Level of the check's ciphertexts."""
        return check_level(self.parameters)

    def records_in(self, block: int) -> int:
        """Return how many records a block holds; they come first."""
        capacity = self.parameters.poly_modulus_degree
        return min(max(self.n_records - block * capacity, 0), capacity)

    def accepts(self, block: int, norms: npt.ArrayLike, labels: npt.ArrayLike) -> bool:
        """Judge the decrypted slots of one block.

        Args:
            block: index of the block.
            norms: |x1|^2 + J |x2|^2 of records, complex, shape (slots,).
            labels: |v1|^2 + J |v2|^2 of label vectors, likewise.
        """
        present = np.arange(self.parameters.poly_modulus_degree) < self.records_in(block)
        expected = ((norms, 1.0), (labels, self.label_norm))
        return all(self._close(values, np.where(present, right, 0.0)) for values, right in expected)

    def _close(self, values: npt.ArrayLike, expected: npt.NDArray[np.float64]) -> bool:
        found = split(values)
        return found.shape == expected.shape and bool((np.abs(found - expected) <= self.eta / 4).all())


def check_level(parameters: Parameters) -> int:
    """Return the level of the check's ciphertexts."""
    return min(MAX_LEVEL, parameters.top_level)


def label_norm(n_labels: int) -> float:
    """Return the squared norm of a label vector: of y - 1/2 in one column, of [y = k] - 1/c in c columns."""
    return 0.25 if n_labels == 1 else 1 - 1 / n_labels


def plan_norm_check(
    parameters: Parameters,
    *,
    input_scale: float,
    n_records: int,
    n_features: int,
    n_blocks: int,
    eta: float,
    n_labels: int = 1,
    encryption: Encryption = SYMMETRIC_SEEDED,
) -> NormCheckPlan:
    """Plan the norm check of a data set, or say why it could not tell.

    Args:
        parameters: the CKKS parameters; at least two data primes.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * N.
        n_features: feature columns, bias included.
        n_blocks: ciphertexts per column, at most `MAX_BLOCKS`.
        eta: tolerance, at most `MAX_ETA`.
        n_labels: label columns: 1, or the number of classes.
        encryption: how the columns were encrypted.

    Raises:
        PlanRefused: `reason` is ``out_of_range`` or ``eta_too_small``.
    """
    _require(1 <= n_blocks <= MAX_BLOCKS, f"n_blocks must be 1 to {MAX_BLOCKS}, got {n_blocks}")
    capacity = n_blocks * parameters.poly_modulus_degree
    level = check_level(parameters)
    _require(level > 0, "the norm check needs two data primes")
    _require(1 <= n_records <= capacity, f"n_records must be 1 to {capacity} ({n_blocks} blocks), got {n_records}")
    _require(1 <= n_features <= parameters.slots, f"n_features must be 1 to {parameters.slots}, got {n_features}")
    _require(n_labels == 1 or 3 <= n_labels <= MAX_LABELS, f"n_labels must be 1 or 3 to {MAX_LABELS}, got {n_labels}")
    _require(0 < eta <= MAX_ETA, f"eta must be above 0 and {MAX_ETA} at most, got {eta}")
    _require(_is_power_of_two(input_scale), f"input_scale must be a power of two from 2**16, got {input_scale}")
    lift_bits = math.floor(math.log2(parameters.modulus(level)) - 2 * math.log2(input_scale)) - _SPARE_BITS
    _require(lift_bits >= 0, f"input_scale must leave {_SPARE_BITS} bits beside its square at level {level}")
    plan = NormCheckPlan(parameters, input_scale, n_records, n_features, n_labels, n_blocks, eta, 1 << lift_bits)
    _check_resolution(plan, Keying(encryption))
    return plan


def _check_resolution(plan: NormCheckPlan, keying: Keying) -> None:
    """Keep the check's own error, and what the errors of a row of honest columns change, below eta/16 each.

    Conjugation adds one key switching per column, scaled down by the lift, which meets a slot of modulus at most
    sqrt(2) and then 2 (1 + J). The two relinearisations and the conjugation of Q add theirs at the product's scale:
    2 |1 + J| for P, 3 |1 - J| for Q and its conjugate. A row's error d changes a sum of squares by 2|d| + |d|^2.
    """
    n_columns = plan.n_features + 1 + plan.n_labels
    noise = NoiseModel(plan.parameters, n_columns=n_columns, n_blocks=plan.n_blocks, keying=keying)
    switching = noise.slot_factor * noise.key_switching(plan.level)
    columns = 1.1 * switching * math.sqrt(noise.n_columns) / plan.lifted_scale
    own = columns + 5 * math.sqrt(2) * switching / plan.scale
    row = (noise.encryption_operator + noise.encoding_operator(plan.n_records, plan.input_scale)) / plan.input_scale
    needed = 16 * max(own, 2.1 * row)
    if plan.eta < needed:
        raise PlanRefused("eta_too_small", f"the norm check cannot resolve eta = {plan.eta:.3g}, it needs {needed:.3g}")


def _is_power_of_two(value: float) -> bool:
    return math.isfinite(value) and value >= 2**16 and math.frexp(value)[0] == 0.5


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise PlanRefused("out_of_range", message)
