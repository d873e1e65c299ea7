"""The layers of the hidden-layer circuit over one block: u, g(u), r and t, two records per slot.

Rules kept here:
  1. Linear maps act on both records of a slot at once; only squares and products of two unknowns need the halves
     apart, and one conjugation splits a value.
  2. Halves meet again before a product is relinearised, and products are rescaled while they have three polynomials.
  3. Residuals, and what flows back from them, are kept conjugated (r1 - J r2), as products with columns want them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.hidden_layer.scales import HiddenScales
from secure_ds.ckks.layers.linear import weighted_sum

Halves: TypeAlias = tuple[Ciphertext, Ciphertext]


class Unit(NamedTuple):
    """One hidden unit.

    Attributes:
        g: g(u1) + J g(u2), at level 3.
        slopes: g'(u1) and g'(u2), over 2 square, at level 3.
    """

    g: Ciphertext
    slopes: Halves


class Residual(NamedTuple):
    """One output's residual, or what its label contributes to it.

    Attributes:
        joined: r1 - J r2, at level 3 and the scale of z.
        halves: r1 and r2, at level 3 and twice the scale of z.
    """

    joined: Ciphertext
    halves: Halves


class Layers:
    """Layers at the scales of one plan; every value at the level that `scales` names."""

    def __init__(self, engine: Engine, scales: HiddenScales) -> None:
        self._engine = engine
        self._scales = scales

    def label(self, column: Ciphertext) -> Residual:
        """Return what a label column v1 - J v2 contributes: -v."""
        engine, scales = self._engine, self._scales
        joined = engine.multiply_integer(engine.drop_to(column, 3), -scales.label, scales.z)
        first, second = self._apart(joined, engine.conjugate(joined), 2 * scales.z)
        return Residual(joined, (first, engine.negate(second)))  # its halves as they stand are -v1 and +v2

    def unit(self, columns: Sequence[Ciphertext], weights: Sequence[int]) -> Unit:
        """Return one unit.

        Args:
            columns: features, at level 4.
            weights: the unit's row of W1, not all zero.
        """
        engine, scales = self._engine, self._scales
        u = weighted_sum(engine, columns, weights, scales.u)
        first, second = self._apart(u, engine.conjugate(u), 2 * scales.u)
        in_line = engine.multiply_integer(engine.drop_to(u, 3), scales.linear, scales.g)
        return Unit(engine.add(in_line, self._squares(first, second)), (self._slope(first), self._slope(second)))

    def residual(self, units: Sequence[Unit], weights: Sequence[int], label: Residual) -> Residual:
        """Return z - v for one output.

        Args:
            units: all hidden units.
            weights: the output's row of W2.
            label: what the label contributes.
        """
        if not any(weights):
            return label
        engine, scales = self._engine, self._scales
        z = weighted_sum(engine, [unit.g for unit in units], weights, scales.z)
        conjugate = engine.conjugate(z)
        first, second = self._apart(z, conjugate, 2 * scales.z)
        halves = engine.add(first, label.halves[0]), engine.add(second, label.halves[1])
        return Residual(engine.add(conjugate, label.joined), halves)

    def lowered(self, residual: Residual) -> Ciphertext:
        """Return r1 - J r2 at level 2."""
        engine, scales = self._engine, self._scales
        product = scales.z * scales.residual_lift
        return engine.rescale(engine.multiply_integer(residual.joined, scales.residual_lift, product), scales.residual)

    def backward(self, unit: Unit, residuals: Sequence[Residual], weights: Sequence[int]) -> Ciphertext:
        """Return t1 - J t2 for one unit, t = g'(u) times what W2 carries back, at level 2.

        Args:
            unit: the unit.
            residuals: of all outputs.
            weights: the unit's column of W2, not all zero.
        """
        engine, scales = self._engine, self._scales
        carried = 2 * scales.z * scales.second_weights
        first, second = (
            engine.multiply(
                weighted_sum(engine, [residual.halves[half] for residual in residuals], weights, carried),
                unit.slopes[half],
                carried * scales.half,
            )
            for half in (0, 1)
        )
        joined = engine.subtract(first, engine.times_unit(second))
        return engine.relinearise(engine.rescale(joined, scales.t))

    def _apart(self, value: Ciphertext, conjugate: Ciphertext, scale: float) -> Halves:
        """Return the halves of z1 + J z2, doubled: z + conj(z) = 2 z1 and -J (z - conj(z)) = 2 z2."""
        engine = self._engine
        first = engine.add(value, conjugate)
        second = engine.times_unit(engine.subtract(conjugate, value))
        first.scale = second.scale = scale
        return first, second

    def _squares(self, first: Ciphertext, second: Ciphertext) -> Ciphertext:
        """Return square (u1^2 + J u2^2) at level 3."""
        engine, scales = self._engine, self._scales
        squares = [engine.square(half, (2 * scales.u) ** 2) for half in (first, second)]
        joined = engine.add(squares[0], engine.times_unit(squares[1]))
        return engine.relinearise(engine.rescale(joined, scales.g))

    def _slope(self, half: Ciphertext) -> Ciphertext:
        """Return u + linear/(2 square), which is g'(u)/(2 square), at level 3."""
        engine, scales = self._engine, self._scales
        lifted = engine.multiply_integer(half, scales.halves, 2 * scales.u * scales.halves)
        return engine.add_constant(engine.rescale(lifted, scales.half), scales.shift)
