"""Plans of encrypted second moments: everything about the circuit that is decided before it runs.

Pure Python: the custodian reads answers with it.

The circuit computes X^T X (upper triangle, with the diagonal) and X^T V over all records, d features with the bias and
m label columns, as ciphertexts of up to N numbers each. Records lie on the grid of `record_grid` and labels are whole
multiples of 1/c, so every number is a whole multiple of a known *unit*: 2^-24 for X^T X, 1 / (c 2^r) for X^T V with
r = 24 - ceil(log2 c) (of which the multiples of 1 / (c 2^12) are some). Decryption rounds to units and thereby removes
the error of the scheme altogether.

Rules kept here:
  1. A plan is a pure function of public numbers, and exists only where rounding is exact for any records that the norm
     check admits and that lie on the grid: the proven error is below half a unit. Otherwise `PlanRefused` says what
     lacks.
  2. No number wraps around: what is packed, the largest sum and the noise included, stays below half the modulus.
  3. The order of numbers is part of the plan. Right-hand columns go by tiles that fit into memory, and within a tile
     left-hand columns one after the other.
  4. Numbers are packed in groups of G, one left-hand column with G right-hand ones (`packing`, "products are packed
     before they are made"): one relinearisation and one automorphism a group. G is the largest that is proven exact.

Proof of exactness. Write ||.|| for l2 norms over records (two to a slot, real and imaginary parts being numbers of
their own), s for the input scale, X_j for a column with error d_j, ||d_j|| <= D from `NoiseModel` (encryption and
encoding), ||X_j|| <= L = sqrt(n) (1 + eta). Left-hand columns are lifted by one whole number, right-hand ones by
another and conjugated (labels, on the left, are uploaded conjugated), all at level 2, where a key switching leaves C_1
and C_2 in a column of either side. A group's product is sum_i g_i(x) p_i over i < G: g_i(x) the images of the left-hand
column under automorphisms, which permute coefficients up to signs, p_i sums of G such images of right-hand columns.
  - g_i(x) is wrong by D_1 = D + log2(G) C_1 at most, one key switching an automorphism.
  - p_i is wrong by D_2 = G (D + C_2) + (G - 1) C_2: every level of a group adds two values and at most one
    automorphism. Its norm is at most sqrt(G) L, since the squares of a record's coordinates add up to 1.
  - What is read of a group is N/G times chosen coefficients, over 2 product_scale. A coefficient of a product is at
    most 2/N times the norms of both factors' slots, so numbers are wrong by the mean over i < G of
    L D_2 + D_1 (sqrt(G) L + D_2), whatever the records.
  - Label columns hold the double nearest to v: n 2^-53 at most.
  - Rescaling a product of three polynomials errs by (r0 + r1 s + r2 s^2) / q with |r| <= q/2: norm at most
    sqrt(N)/2 (1 + |s|_can + |s|_can^2). It is relinearised and packed at level 1: each group and node one key switching
    more. Packed coefficients hold 2 * product_scale times the sums, and the errors of groups and nodes grow at most by
    `packing.error_growth`, N/G read for N.
  - If the key was rotated, every answer is switched once more, after packing.
The three events of `bounds` are the only randomness; outside them, of probability 2^-40 over keys and encryption, every
number is within half a unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, Final

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.format import ciphertext_bytes
from secure_ds.ckks.keying import FRESH, Keying
from secure_ds.ckks.norm_plan import plan_norm_check
from secure_ds.ckks.packing import error_growth, positions
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.record_grid import GRID_BITS

PLAN_FORMAT: Final = "secure-ds/ckks-statistics-plan/1"
DATA_PRIMES_NEEDED: Final = 3
PRODUCT_LEVEL: Final = 2
ANSWER_LEVEL: Final = 1
GROUP_SIZES: Final = (8, 4, 2, 1)
_TILE_CIPHERTEXTS: Final = 2048  # right-hand ciphertexts that are held, about
NOISE_TAIL: Final = 16  # deviations of noise that still fit
NOISE_ROOM: Final = 2**20  # what sums leave for noise, in records' own units
ROUNDING_SLACK: Final = 4
"""Units by which rounding may move a number further than records do, whatever was uploaded (`decryption`)."""

Pair = tuple[int, int]
Group = tuple[int, int]
"""A left-hand column (a feature, or label i as d + i), and the first of the right-hand features."""


@dataclass(frozen=True)
class Part:
    """One ciphertext of the statistics.

    Attributes:
        groups: the groups it is packed from, in order.
        pairs: the columns of each number, in order: (j, k) with features j <= k, or (j, d + i) for label column i.
        places: the input of the packing that each number is; others are not read.
        unit: the integers of a packed coefficient that one unit of the statistic takes; exact.
        units_per_one: units in one, the statistic being in records' own units.
    """

    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    places: tuple[int, ...]
    unit: Fraction
    units_per_one: int


@dataclass(frozen=True)
class StatisticsPlan:
    """The encrypted second moments of a job's data, planned. Make it with `plan_statistics`.

    Attributes:
        parameters: the CKKS parameters.
        input_scale: scale of the uploaded columns.
        n_records: real records in all blocks.
        n_features: feature columns, the bias included, d.
        n_classes: classes of the label.
        n_blocks: ciphertexts per column.
        eta: tolerance of the norm check.
        keying: how the columns were encrypted, and whether answers change the key.
        group: G, numbers in a group.
        lift: power of two that lifts products above the noise of conjugation and automorphisms.
        error: proven bound on the error of any number, in records' own units.
    """

    parameters: Parameters
    input_scale: float
    n_records: int
    n_features: int
    n_classes: int
    n_blocks: int
    eta: float
    keying: Keying
    group: int
    lift: int
    error: float

    @property
    def n_labels(self) -> int:
        """Label columns: one for two classes, else one for each class."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def left_lift(self) -> int:
        """The part of the lift that left-hand columns get; none where they undergo no automorphism."""
        return 1 << (self.lift.bit_length() - 1) // 2 if self.group > 1 else 1

    @property
    def right_lift(self) -> int:
        """The part of the lift that right-hand columns get."""
        return self.lift // self.left_lift

    @property
    def tile(self) -> int:
        """Right-hand columns that are held at a time, a multiple of G."""
        return max(8, min(256, _TILE_CIPHERTEXTS // self.n_blocks // 8 * 8))

    @cached_property
    def exact_product_scale(self) -> Fraction:
        """Scale of products at level 1."""
        return Fraction(self.input_scale) ** 2 * self.lift / self.parameters.data_primes[PRODUCT_LEVEL]

    @property
    def product_scale(self) -> float:
        """Scale that products and answers state."""
        return float(self.exact_product_scale)

    @property
    def moment_units(self) -> int:
        """Units of X^T X in one."""
        return 1 << 2 * GRID_BITS

    @property
    def label_units(self) -> int:
        """Units of X^T V in one."""
        return self.n_classes << 2 * GRID_BITS - (self.n_classes - 1).bit_length()

    @property
    def n_moments(self) -> int:
        """Numbers of X^T X: d (d + 1) / 2."""
        return self.n_features * (self.n_features + 1) // 2

    @property
    def count(self) -> int:
        """Numbers in all."""
        return self.n_moments + self.n_features * self.n_labels

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The ciphertexts, in order: those of X^T X, then those of X^T V."""
        features, size = self.n_features, self.group
        kinds = (
            (moment_groups(features, size, self.tile), self.moment_units),
            (label_groups(features, self.n_labels, size, self.tile), self.label_units),
        )
        return tuple(
            self._part(groups, units)
            for all_groups, units in kinds
            for groups in _even(all_groups, self.parameters.poly_modulus_degree // size)
        )

    def _part(self, groups: tuple[Group, ...], units: int) -> Part:
        found = [
            (_pair(left, right, self.n_features), index * self.group + right - first)
            for index, (left, first) in enumerate(groups)
            for right in range(first, min(first + self.group, self.n_features))
            if right >= left or left >= self.n_features
        ]
        pairs, places = zip(*found, strict=True)
        return Part(groups, pairs, places, 2 * self.exact_product_scale / units, units)

    def positions(self, part: Part) -> tuple[int, ...]:
        """Return the coefficient that holds each number of a part."""
        found = positions(self.parameters.poly_modulus_degree, len(part.groups) * self.group)
        return tuple(found[place] for place in part.places)

    @property
    def answer_bytes(self) -> int:
        """Size of all ciphertexts."""
        return len(self.parts) * ciphertext_bytes(self.parameters, ANSWER_LEVEL)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: inputs, and what follows from them, for readers."""
        return {
            "format": PLAN_FORMAT,
            "parameters": self.parameters.to_json(),
            "input_scale": self.input_scale.hex(),
            "n_records": self.n_records,
            "n_features": self.n_features,
            "n_classes": self.n_classes,
            "n_blocks": self.n_blocks,
            "eta": self.eta.hex(),
            "keying": self.keying.to_json(),
            "grid_bits": GRID_BITS,
            "group": self.group,
            "lift": str(self.lift),
            "error": self.error.hex(),
        }


def plan_statistics(
    parameters: Parameters,
    *,
    input_scale: float,
    n_records: int,
    n_features: int,
    n_classes: int,
    n_blocks: int,
    eta: float,
    keying: Keying = FRESH,
    largest_group: int = GROUP_SIZES[0],
) -> StatisticsPlan:
    """Plan the statistics of a data set, or say why they cannot be had exactly.

    Args:
        parameters: the CKKS parameters; at least three data primes.
        input_scale: scale of every uploaded column, a power of two.
        n_records: real records, at most n_blocks * N.
        n_features: feature columns, bias included.
        n_classes: classes of the label, 2 or more.
        n_blocks: ciphertexts per column.
        eta: tolerance of the norm check.
        keying: how the columns were encrypted, and whether answers change the key.
        largest_group: the largest G there may be; 1 for statistics that are uploaded.

    Raises:
        PlanRefused: `reason` is ``too_few_levels``, ``no_head_room``, ``statistics_not_exact``, or one of
            `plan_norm_check`'s.
    """
    present = len(parameters.data_primes)
    if present < DATA_PRIMES_NEEDED:
        raise PlanRefused(
            "too_few_levels", f"statistics need {DATA_PRIMES_NEEDED} levels, the parameters have {present}"
        )
    plan_norm_check(
        parameters,
        input_scale=input_scale,
        n_records=n_records,
        n_features=n_features,
        n_labels=1 if n_classes == 2 else n_classes,
        n_blocks=n_blocks,
        eta=eta,
        encryption=keying.encryption,
    )
    lift = _lift(parameters, input_scale, n_records, eta)
    shape = (parameters, input_scale, n_records, n_features, n_classes, n_blocks, eta, keying)
    for group in (size for size in GROUP_SIZES if size <= largest_group):
        plan = StatisticsPlan(*shape, group, lift, 0.0)
        missing = _error(plan) * max(plan.moment_units, plan.label_units)
        if missing < 0.5:
            return replace(plan, error=_error(plan))
    raise PlanRefused(
        "statistics_not_exact",
        f"statistics are proven within {missing:.3g} of their unit, rounding them exactly needs 0.5: encrypt"
        f" with an input scale {math.ceil(math.log2(2 * missing))} bits larger (a profile for statistics)",
    )


def check_headroom(plan: StatisticsPlan, sigma: float) -> None:
    """Refuse noise that would make answers wrap around.

    Args:
        plan: the plan.
        sigma: the largest deviation of noise on any number, in records' own units.

    Raises:
        PlanRefused: ``no_head_room``.
    """
    largest = plan.n_records * (1 + plan.eta) ** 2 + 1 + NOISE_TAIL * sigma
    if not 4 * plan.exact_product_scale * Fraction(largest) < plan.parameters.modulus(ANSWER_LEVEL):
        raise PlanRefused("no_head_room", f"noise of deviation {sigma:g} does not fit beside {plan.n_records} records")


def n_parts(parameters: Parameters, n_features: int, n_classes: int) -> int:
    """Return how many ciphertexts hold the statistics of d features and c classes."""
    degree, labels = parameters.poly_modulus_degree, 1 if n_classes == 2 else n_classes
    return -(-n_features * (n_features + 1) // 2 // degree) + -(-n_features * labels // degree)


def require_uploadable(plan: StatisticsPlan) -> None:
    """Refuse statistics that an owner cannot encrypt exactly: coefficients pass through two transforms in doubles.

    Each errs by at most 2^-46 of the l2 norm of all coefficients, which is at most n units times 2^24; encryption adds
    less than 2^-30 of a unit at the scale of products.

    Raises:
        PlanRefused: ``statistics_not_exact``.
    """
    if not plan.n_records * 2.0**-20 < 0.5:
        raise PlanRefused(
            "statistics_not_exact", f"statistics of {plan.n_records} records cannot be encrypted exactly; 2^19 at most"
        )


@lru_cache(maxsize=8)
def moment_groups(n_features: int, size: int, tile: int) -> tuple[Group, ...]:
    """Return the groups (j, first) of X^T X that hold a pair j <= k: tiles, then left-hand columns, then groups."""
    return tuple(
        (left, first)
        for start in range(0, n_features, tile)
        for left in range(min(start + tile, n_features))
        for first in range(max(start, left // size * size), min(start + tile, n_features), size)
    )


@lru_cache(maxsize=8)
def label_groups(n_features: int, n_labels: int, size: int, tile: int) -> tuple[Group, ...]:
    """Return the groups (d + i, first) of X^T V: tiles, then label columns, then groups."""
    return tuple(
        (n_features + label, first)
        for start in range(0, n_features, tile)
        for label in range(n_labels)
        for first in range(start, min(start + tile, n_features), size)
    )


def _pair(left: int, right: int, n_features: int) -> Pair:
    return (left, right) if left < n_features else (right, left)


def _even(groups: tuple[Group, ...], largest: int) -> Iterator[tuple[Group, ...]]:
    """Cut into as few pieces of at most `largest` as there can be, as even as they can be: equal work for processes."""
    pieces = -(-len(groups) // largest)
    for piece in range(pieces):
        yield groups[piece * len(groups) // pieces : (piece + 1) * len(groups) // pieces]


def _lift(parameters: Parameters, input_scale: float, n_records: int, eta: float) -> int:
    """Return the largest power of two at which sums stay below a quarter of the modulus, `NOISE_ROOM` left aside."""
    largest = Fraction(4 * (n_records * (1 + eta) ** 2 + 1)) + NOISE_ROOM
    unlifted = Fraction(input_scale) ** 2 / parameters.data_primes[PRODUCT_LEVEL]
    room = math.floor(Fraction(parameters.modulus(ANSWER_LEVEL)) / (4 * unlifted * largest))
    if room < 1:
        raise PlanRefused(
            "no_head_room",
            f"sums over {n_records} records wrap around at an input scale of 2^{math.log2(input_scale):g}",
        )
    return 1 << room.bit_length() - 1


def _error(plan: StatisticsPlan) -> float:
    """Bound the error of any number: see the module's proof, term by term."""
    columns = plan.n_features + 1 + plan.n_labels
    noise = NoiseModel(plan.parameters, n_columns=columns, n_blocks=plan.n_blocks, keying=plan.keying)
    one_column = NoiseModel(plan.parameters, n_columns=1, n_blocks=plan.n_blocks)
    encoding = one_column.encoding_operator(plan.n_records, plan.input_scale)
    column = (noise.encryption_operator + encoding) / plan.input_scale
    switching = noise.slot_factor * math.sqrt(plan.n_blocks) * noise.key_switching(PRODUCT_LEVEL) / plan.input_scale
    left = column + math.log2(plan.group) * switching / plan.left_lift
    right = plan.group * column + (2 * plan.group - 1) * switching / plan.right_lift
    length = math.sqrt(noise.places(plan.n_records, plan.eta)) * (1 + plan.eta)
    in_sums = length * right + left * (math.sqrt(plan.group) * length + right) + plan.n_records * 2.0**-53
    return in_sums + _packing_error(plan, noise) + _rotation_error(plan, noise)


def _rotation_error(plan: StatisticsPlan, noise: NoiseModel) -> float:
    return noise.key_switching(ANSWER_LEVEL) / (2 * plan.product_scale) if plan.keying.rotated else 0.0


def _packing_error(plan: StatisticsPlan, noise: NoiseModel) -> float:
    degree = plan.parameters.poly_modulus_degree
    half_root = math.sqrt(degree) / 2
    secret = noise.rounding / half_root - 1
    leaf = half_root * (1 + secret + secret**2) + noise.key_switching(ANSWER_LEVEL)
    groups = degree // plan.group
    return error_growth(groups, groups) * leaf / (2 * plan.product_scale)
