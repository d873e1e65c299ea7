"""Matrix products on residues: exact against whole-number arithmetic, and against SEAL one weight at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.linear_map import dense_map
from secure_ds.ckks.parameters import create_primes
from secure_ds.ckks.residue_products import combine_residues

DEGREE = 4096
PRIMES = create_primes(DEGREE, (60, 33, 60, 45))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 40), st.integers(1, 30))
def test_products_are_exact_for_the_largest_residues_and_weights(seed: int, m: int, k: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(2**bits), 2**bits, size=(m, k), endpoint=True)
    weights[:, 0] += weights[:, 0] == 0
    inputs = [
        np.stack([np.where(rng.random(8) < 0.3, p - 1, rng.integers(0, p, 8)) for p in PRIMES])[None] for _ in range(k)
    ]
    found = combine_residues([entry.astype(np.uint64) for entry in inputs], dense_map(weights.astype(float), 1), PRIMES)
    for row in range(m):
        for index, prime in enumerate(PRIMES):
            terms = [int(w) * entry[0, index].astype(object) for w, entry in zip(weights[row], inputs, strict=True)]
            assert (found[row, 0, index].astype(object) == sum(terms) % prime).all()


def test_weights_too_large_to_be_exact_are_refused() -> None:
    linear = dense_map(np.full((1, 4), 2.0**44), 1)
    with pytest.raises(EvaluationRefused, match="weights of a row add up"):
        combine_residues([np.ones((1, 1, 4), np.uint64)] * 4, linear, PRIMES[:1])
