"""Residuals: the gradient of a loss by what the network makes, where the backward pass begins.

Each is affine or polynomial in the network's outputs, so that ciphertexts can follow it:
  - `squared_error`: z - y, of half the squared distance to the labels.
  - `polynomial_residual`: p(z) - y for a polynomial p in place of a link function (sigmoid): the logistic loss.
Labels are a tensor of their own, encrypted as the records are.
"""

from __future__ import annotations

from secure_ds.ckks.layers.ladder import Ladder, aligned
from secure_ds.ckks.layers.polynomial_layer import evaluate
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.layers.tensors import Arithmetic, Scaled, T, Tensor, gather


def squared_error(arithmetic: Arithmetic[T], outputs: Tensor[T], labels: Tensor[T]) -> Tensor[T]:
    """Return outputs - labels; uses no level."""
    pairs = zip(outputs.each(), labels.each(), strict=True)
    return gather([_less_label(arithmetic, value, label) for value, label in pairs], outputs.shape)


def polynomial_residual(
    arithmetic: Arithmetic[T], ladder: Ladder, outputs: Tensor[T], labels: Tensor[T], link: Polynomial
) -> Tensor[T]:
    """Return link(outputs) - labels; uses the link's levels."""
    values = [evaluate(arithmetic, ladder, value, link) for value in outputs.each()]
    pairs = zip(values, labels.each(), strict=True)
    return gather([_less_label(arithmetic, value, label) for value, label in pairs], outputs.shape)


def _less_label(arithmetic: Arithmetic[T], value: Scaled[T], label: Scaled[T]) -> Scaled[T]:
    """Return value - label: the label, multiplied up to the value's scale by a whole number, at the value's level."""
    level = min(value.level, label.level)
    value, label = aligned(arithmetic, value, level), aligned(arithmetic, label, level)
    factor = round(value.scale / label.scale)
    if factor < 1:
        raise ValueError("a label's scale must not exceed that of what it is compared with")
    scaled = arithmetic.multiply_integer(label.value, float(-factor), float(value.scale))
    return Scaled(arithmetic.add(value.value, scaled), level, value.scale, value.size)
