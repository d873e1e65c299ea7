"""Two records per slot: where a record of a block lies, and how slots hold two numbers each.

Pure NumPy: the custodian judges decrypted slots with it.

Rules kept here:
  1. A block holds N records. Record i < N/2 is the first of slot i, any other the second of slot i - N/2.
  2. A slot holds x1 + J x2. J is the monomial X^(N/2), whose slot i is X^(N/2) at zeta^(3^i), zeta = exp(i pi / N):
     +i for even and -i for odd slots, since 3^i is 1 or 3 modulo 4. So multiplication by J is exact and free.
  3. J^2 = -1 and the conjugate of J is -J: conj(x1 + J x2) = x1 - J x2, and every complex slot is one pair of reals.
     The real part of (r1 - J r2)(x1 + J x2) is r1 x1 + r2 x2, which is what slot sums are read from; so labels and
     residuals are kept conjugated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RealArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


def join(records: RealArray, slots: int, *, conjugated: bool = False) -> ComplexArray:
    """Return the (slots,) slots of one column of a block; places without a record hold zero.

    Args:
        records: up to 2 * slots numbers.
        slots: slots of a ciphertext, N/2.
        conjugated: make x1 - J x2, as labels are kept.
    """
    padded = np.zeros(2 * slots)
    padded[: records.size] = records
    unit = -_unit(slots) if conjugated else _unit(slots)
    return padded[:slots] + unit * padded[slots:]


def split(values: npt.ArrayLike) -> RealArray:
    """Return the records of (slots,) slots x1 + J x2: shape (2 * slots,), in order of records."""
    slots = np.asarray(values, dtype=np.complex128)
    return np.concatenate([slots.real, slots.imag * _unit(slots.size).imag])


def evaluated(coefficients: RealArray) -> ComplexArray:
    """Evaluate a real polynomial at zeta^(3^i), zeta = exp(i pi / N), for i below N/2: SEAL's slot order."""
    degree = coefficients.size
    twisted = coefficients * np.exp(1j * np.pi * np.arange(degree) / degree)
    at_odd_powers = np.fft.ifft(twisted) * degree  # entry t is the value at zeta^(2t + 1)
    powers = np.array([pow(3, index, 2 * degree) for index in range(degree // 2)])
    values: ComplexArray = at_odd_powers[(powers - 1) // 2]
    return values


def _unit(slots: int) -> ComplexArray:
    return np.where(np.arange(slots) % 2 == 0, 1j, -1j)
