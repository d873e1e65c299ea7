"""Random Fourier features: the same on every machine, and the Gaussian kernel they stand for."""

import json

import numpy as np
import pytest

from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.feature_maps.random_fourier import frequencies
from secure_ds.data.records import Records

BASE = {
    "map": "declared_vector",
    "version": 1,
    "column": "v",
    "size": 5,
    "unit_ball": {"radius": 1.0, "bias": 0.1},
}
FOURIER = {
    "map": "random_fourier",
    "version": 1,
    "base": BASE,
    "seed": "public",
    "frequencies": 2000,
    "lengthscale": 0.7,
    "unit_ball": {"radius": 1.0, "bias": 0.01},
}

GOLDEN = [[9, -3, -7, 14], [12, 2, 1, 1], [3, -7, -6, 4]]
GOLDEN_DIGEST = "sha256:3e15dca62935473dbe5be0de63d6dec7a82e4621b1364421b53e5c47fed43bc7"


def test_golden_frequencies():
    """They may never change under this version."""
    found = frequencies("public", 4, 3).astype(int)
    assert found.tolist() == GOLDEN
    assert digest_bytes(frequencies("public", 50, 20).astype("<i2").tobytes()) == GOLDEN_DIGEST


def test_frequencies_are_standard_normal():
    """Mean, variance and kurtosis of 200,000 draws, each within six standard errors (a chance of 1e-8)."""
    draws = frequencies("another", 2000, 100).ravel() / 8.0
    n = len(draws)
    assert abs(draws.mean()) < 6 / n**0.5
    assert abs(draws.var() - 1) < 6 * (2 / n) ** 0.5
    assert abs((draws**4).mean() - (3 - 2 / 256)) < 6 * (96 / n) ** 0.5
    assert abs(np.corrcoef(frequencies("another", 2000, 2))[0, 1]) < 6 / 2000**0.5


def test_inner_products_are_the_gaussian_kernel():
    """Mean of 2,000 bounded terms: six standard errors of at most 1 / sqrt(4,000) each."""
    feature_map = parse_feature_map(json.dumps(FOURIER))
    rng = np.random.default_rng(0)
    records = Records({"v": rng.normal(size=(20, 5)) * 0.4})
    base = feature_map.base.apply(records)
    distances = np.linalg.norm(base[:, None] - base[None], axis=2)
    found = feature_map.features(records)
    assert np.abs(found @ found.T - np.exp(-(distances**2) / (2 * 0.7**2))).max() < 6 / 4000**0.5
    assert np.allclose(np.linalg.norm(found, axis=1), 1)


@pytest.mark.parametrize("changes", [{"base": FOURIER}, {"seed": ""}, {"frequencies": 2048}, {"lengthscale": 0.01}])
def test_other_specifications_are_refused(changes):
    with pytest.raises(InvalidDescriptor, match="not a feature map"):
        parse_feature_map(json.dumps(FOURIER | changes))
