"""Images: pooled, and as histograms of oriented gradients that a plain loop over pixels also finds."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.data.declared import declared_feature_map
from secure_ds.data.errors import InvalidDescriptor, InvalidRecords
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records

IMAGE_MAPS = ("mnist_3_vs_8", "mnist_orientation_128", "mnist_orientation_392")


@pytest.mark.parametrize("name", IMAGE_MAPS)
@pytest.mark.parametrize("images", [np.zeros((2, 14, 14)), np.full((2, 28, 28), 256.0), np.full((2, 28, 28), -1.0)])
def test_images_of_another_kind_are_refused(name, images):
    with pytest.raises(InvalidRecords, match="image"):
        declared_feature_map(name).apply(Records({"image": images}))


@pytest.mark.parametrize(("name", "field"), [("mnist_3_vs_8", "pool"), ("mnist_orientation_392", "cells")])
def test_squares_fill_the_image(name, field):
    written = declared_feature_map(name).model_dump(mode="json")
    with pytest.raises(InvalidDescriptor, match="must divide side"):
        parse_feature_map(json.dumps(written | {field: 5}))


def test_pooling_by_hand():
    image = np.zeros((1, 28, 28))
    image[0, 0:2, 2:4] = [[255, 0], [255, 255]]
    x = declared_feature_map("mnist_3_vs_8").apply(Records({"image": image}))
    assert x[0, [0, 1, 2]].tolist() == [0.0, np.floor(0.75 / 1.25 * 4096) / 4096, 0.0]  # the bias makes it 1.25 long
    assert x[0, -1] == np.floor(1 / 1.25 * 4096) / 4096


def histogram(image, cells, bins):
    """The same histogram, one pixel after another and by angles."""
    side = len(image)
    wide = np.pad(image / 255.0, 2)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    smooth = np.array([[(wide[i : i + 3, j : j + 3] * kernel).sum() for j in range(side + 2)] for i in range(side + 2)])
    smooth[[0, -1]], smooth[:, [0, -1]] = 0, 0
    found, size = np.zeros((bins, cells, cells)), side / cells
    for y, x in np.ndindex(side, side):
        g = smooth[y + 1, x + 2] - smooth[y + 1, x], smooth[y + 2, x + 1] - smooth[y, x + 1]
        step = 2 * np.pi / bins
        k, rest = divmod(np.arctan2(g[1], g[0]) % (2 * np.pi), step)
        parts = {int(k) % bins: np.sin(step - rest), (int(k) + 1) % bins: np.sin(rest)}
        for direction, part in parts.items():
            for row, column in np.ndindex(cells, cells):
                near = [1 - abs(at + 0.5 - (c + 0.5) * size) / size for at, c in ((y, row), (x, column))]
                found[direction, row, column] += np.hypot(*g) * part / np.sin(step) * max(near[0], 0) * max(near[1], 0)
    return np.sqrt(found / found.sum()).ravel()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), cells=st.sampled_from([1, 2, 4]), bins=st.sampled_from([4, 5, 8]))
def test_histograms_agree_with_a_loop_over_pixels(seed, cells, bins):
    specification = {"map": "orientation_histograms", "version": 1, "column": "i", "side": 8, "cells": cells}
    feature_map = parse_feature_map(json.dumps(specification | {"bins": bins, "unit_ball": {"radius": 1.0}}))
    image = np.random.default_rng(seed).integers(0, 256, (8, 8))
    found = feature_map.features(Records({"i": image[None]}))[0]
    assert np.allclose(found**2, histogram(image, cells, bins) ** 2, atol=1e-12)
    assert abs(np.linalg.norm(found) - 1) < 1e-12


def test_an_edge_is_told_from_its_opposite():
    feature_map = declared_feature_map("mnist_orientation_128")
    image = np.zeros((2, 28, 28))
    image[0, :, 14:], image[1, :, :14] = 255, 255
    right, left = feature_map.features(Records({"image": image})).reshape(2, 8, 4, 4) + feature_map.centre
    assert right[0, 1, 2] > 0 and right[4, 1, 1:2].max() == 0  # brighter to the right: direction 0
    assert left[4, 1, 1] > 0 and left[0, 1, 2] == 0


def test_a_black_image_is_no_division_by_zero():
    feature_map = declared_feature_map("mnist_orientation_128")
    assert (feature_map.features(Records({"image": np.zeros((1, 28, 28))})) == -feature_map.centre).all()


def test_many_images_need_little_memory_beside_the_result():
    feature_map = declared_feature_map("mnist_orientation_128")
    images = np.zeros((2000, 28, 28), dtype=np.uint8)
    tracemalloc.start()
    result = feature_map.apply(Records({"image": images}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - result.nbytes < 24 * 2**20, "twice the images as numbers would be more"
