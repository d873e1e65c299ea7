"""Plan of the norm check that every upload passes before a job may use it, and the judgement of its result.

Pure Python and NumPy: the custodian, which decrypts the result, judges it with this module.

Rules kept here:
  1. The check computes, per slot, sum_j |x_j|^2 and sum_j x_j^2 over all columns of a record (features, bias, slack),
     and |v|^2 of its label. A real record must give 1, 1 and 1/4; an empty slot 0, 0 and 0.
  2. Both sums are needed. The first bounds the norm even of a hostile upload with complex slots; their difference is
     twice the squared norm of the imaginary parts, which the circuit's guarantee needs to be small.
  3. What is read may differ by eta/4 from what is right. The check's own error, and what the errors of honest columns
     change, stay below eta/16 each (else there is no plan): honest records pass, and what passes is within 5 eta/16.
  4. Nothing leaves but pass or fail, and the caller counts failures.

Known limit: sums are read modulo q_0 q_1, so rule 3 binds records of squared norm up to 8 (labels likewise) in columns
below q_0 q_1 / 2. That is every record that a mistake can make: what is larger wraps, and one slot that wraps unlike
the others spoils its block. A client that lifts *all* N/2 slots of a block by the same multiple of q_0 q_1 / scale, or
hides multiples of q_0 q_1 in its columns, passes with records far longer. It deceives about the records it encrypted
itself and about no other owner's: sums add up, and noise is added modulo q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.parameters import Parameters

MAX_ETA = 2.0**-6
MAX_BLOCKS = 4096
LEVEL = 1
"""Level of the check's ciphertexts."""

_SPARE_BITS = 4  # squared norms up to 8 do not wrap


@dataclass(frozen=True)
class NormCheckPlan:
    """One data set's norm check. Make it with `plan_norm_check`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_features: feature columns, the bias included.
        n_blocks: ciphertexts per column.
        eta: tolerance.
        lift: integer that lifts columns above the noise of conjugation.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_features: int
    n_blocks: int
    eta: float
    lift: int

    @property
    def lifted_scale(self) -> float:
        """Scale of a lifted column."""
        return self.input_scale * self.lift

    @property
    def scale(self) -> float:
        """Scale of the check's ciphertexts."""
        return self.lifted_scale * self.input_scale

    @property
    def level(self) -> int:
        """Level of the check's ciphertexts."""
        return LEVEL

    def real_slots(self, block: int) -> int:
        """Return how many slots of a block hold records; they come first."""
        slots = self.parameters.slots
        return min(max(self.n_records - block * slots, 0), slots)

    def accepts(self, block: int, norms: npt.ArrayLike, squares: npt.ArrayLike, labels: npt.ArrayLike) -> bool:
        """Judge the decrypted slots of one block.

        Args:
            block: index of the block.
            norms: sum_j |x_j|^2, complex, shape (slots,).
            squares: sum_j x_j^2, likewise.
            labels: |v|^2, likewise.
        """
        real = np.arange(self.parameters.slots) < self.real_slots(block)
        expected = ((norms, 1.0), (squares, 1.0), (labels, 0.25))
        return all(self._close(values, np.where(real, right, 0.0)) for values, right in expected)

    def _close(self, values: npt.ArrayLike, expected: npt.NDArray[np.float64]) -> bool:
        found = np.asarray(values)
        return found.shape == expected.shape and bool((np.abs(found - expected) <= self.eta / 4).all())


def plan_norm_check(
    parameters: Parameters, *, input_scale: float, n_records: int, n_features: int, n_blocks: int, eta: float
) -> NormCheckPlan:
    """Plan the norm check of a data set, or say why it could not tell.

    Args:
        parameters: the CKKS parameters; at least two data primes.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * slots.
        n_features: feature columns, bias included.
        n_blocks: ciphertexts per column, at most `MAX_BLOCKS`.
        eta: tolerance, at most `MAX_ETA`.

    Raises:
        PlanRefused: `reason` is ``out_of_range`` or ``eta_too_small``.
    """
    _require(1 <= n_blocks <= MAX_BLOCKS, f"n_blocks must be 1 to {MAX_BLOCKS}, got {n_blocks}")
    capacity = n_blocks * parameters.slots
    _require(len(parameters.data_primes) > LEVEL, "the norm check needs two data primes")
    _require(1 <= n_records <= capacity, f"n_records must be 1 to {capacity} ({n_blocks} blocks), got {n_records}")
    _require(1 <= n_features <= parameters.slots, f"n_features must be 1 to {parameters.slots}, got {n_features}")
    _require(0 < eta <= MAX_ETA, f"eta must be above 0 and {MAX_ETA} at most, got {eta}")
    _require(_is_power_of_two(input_scale), f"input_scale must be a power of two from 2**16, got {input_scale}")
    lift_bits = math.floor(math.log2(parameters.modulus(LEVEL)) - 2 * math.log2(input_scale)) - _SPARE_BITS
    _require(lift_bits >= 0, f"input_scale must leave {_SPARE_BITS} bits beside its square at level {LEVEL}")
    plan = NormCheckPlan(parameters, input_scale, n_records, n_features, n_blocks, eta, 1 << lift_bits)
    _check_resolution(plan)
    return plan


def _check_resolution(plan: NormCheckPlan) -> None:
    """Keep the check's own error, and what the errors of a row of honest columns change, below eta/16 each.

    Conjugation adds one key switching per column, scaled down by the lift, and meets a row of norm at most 1; the last
    relinearisation adds one more at the product's scale. A row's error d changes a sum of squares by 2|d| + |d|^2.
    """
    noise = NoiseModel(plan.parameters, n_columns=plan.n_features + 2, n_blocks=plan.n_blocks)
    switching = noise.slot_factor * noise.key_switching(LEVEL)
    own = 1.1 * switching * math.sqrt(noise.n_columns) / plan.lifted_scale + switching / plan.scale
    row = (noise.encryption_operator + noise.encoding_operator(plan.n_records, plan.input_scale)) / plan.input_scale
    needed = 16 * max(own, 2.1 * row)
    if plan.eta < needed:
        raise PlanRefused("eta_too_small", f"the norm check cannot resolve eta = {plan.eta:.3g}, it needs {needed:.3g}")


def _is_power_of_two(value: float) -> bool:
    return math.isfinite(value) and value >= 2**16 and math.frexp(value)[0] == 0.5


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise PlanRefused("out_of_range", message)
