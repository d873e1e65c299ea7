"""Records on the grid are whole multiples of it, never longer, and never far away."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from secure_ds.ckks.record_grid import GRID_BITS, on_grid


@given(arrays(np.float64, (3, 4), elements=st.floats(-1, 1)))
def test_records_are_cut_towards_zero_to_whole_multiples(records):
    cut = on_grid(records)
    assert np.array_equal(cut * 2**GRID_BITS, np.rint(cut * 2**GRID_BITS))
    assert (np.abs(cut) <= np.abs(records)).all()
    assert (np.abs(cut - records) < 2.0**-GRID_BITS).all()
    assert np.array_equal(on_grid(cut), cut)
