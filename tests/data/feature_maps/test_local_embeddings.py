"""Embeddings by a local model: the declared files and no others, one record at a time, no place made public."""

import builtins
import json
import re

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import InvalidModel, InvalidRecords, MissingDependency
from secure_ds.data.feature_maps import local_model, parse_feature_map
from secure_ds.data.feature_maps.local_image_embedding import resize
from secure_ds.data.records import Records

WORDS = ("[UNK]", "play", "rain", "tomorrow", "jazz")
TABLE = np.random.default_rng(3).normal(size=(len(WORDS), 6)).astype(np.float32)
FILTER = np.random.default_rng(4).normal(size=(3 * 4 * 4, 5)).astype(np.float32)
TEXTS = Records({"text": np.array(["play jazz", "rain tomorrow play", "", "zzz jazz jazz jazz jazz"])})


def network(node, inputs, output, weights):
    """One node as a complete ONNX file."""
    graph = helper.make_graph(node, "test", inputs, [output], [numpy_helper.from_array(weights, "W")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def text_network():
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, [1, "t"]) for n in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, "t", 6])
    return network([helper.make_node("Gather", ["W", "input_ids"], ["states"])], inputs, output, TABLE)


def image_network():
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 4, 4])
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 5])
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "W"], ["embedding"]),
    ]
    return network(nodes, [pixels], output, FILTER)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder with a model of texts and one of images."""
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_padding(length=9)  # a model's own padding must not count
    for name, made in (("words", text_network()), ("patches", image_network())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(made.SerializeToString())
    (tmp_path / "words" / "tokenizer.json").write_text(tokenizer.to_str())
    monkeypatch.setenv("SECURE_DS_MODELS", str(tmp_path))
    return tmp_path


def digest(path):
    return digest_bytes(path.read_bytes())


def text_map(models, **changes):
    files = {"network": digest(models / "words" / "model.onnx"), "tokenizer": digest(models / "words/tokenizer.json")}
    declared = {"map": "local_text_embedding", "version": 1, "column": "text", "model": "words", **files}
    constants = {"max_tokens": 4, "size": 6, "unit_ball": {"radius": 1.25, "bias": 0.75}}
    return parse_feature_map(json.dumps(declared | constants | changes))


def image_map(models, **changes):
    declared = {"map": "local_image_embedding", "version": 1, "column": "image", "model": "patches", "side": 4}
    constants = {"mean": [0.5, 0.4, 0.3], "deviation": [0.2, 0.3, 0.4], "size": 5, "unit_ball": {"radius": 1.25}}
    files = {"network": digest(models / "patches" / "model.onnx")}
    return parse_feature_map(json.dumps(declared | constants | files | changes))


def test_texts_by_hand(models):
    """Mean of the tokens' vectors, cut to four tokens, of length 1."""
    found = text_map(models).features(TEXTS)
    sums = [TABLE[[1, 4]], TABLE[[2, 3, 1]], TABLE[[]], TABLE[[0, 4, 4, 4]]]
    expected = [row.astype(float).sum(axis=0) for row in sums]
    assert np.allclose(found, [row / (np.linalg.norm(row) or 1) for row in expected], atol=1e-12)
    assert np.abs(np.linalg.norm(text_map(models).apply(TEXTS), axis=1) - [1, 1, 0.6, 1]).max() < 1e-3


def test_images_by_hand(models):
    images = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 3)).astype(np.uint8)
    seen = (images / 255.0 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    expected = seen.transpose(0, 3, 1, 2).reshape(3, -1) @ FILTER.astype(float)
    found = image_map(models).features(Records({"image": images}))
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_grey_images_fill_all_channels_and_are_resized(models):
    grey = np.random.default_rng(1).integers(0, 256, (2, 2, 2)).astype(np.uint8)
    wide = resize(resize(grey.astype(float), 4, 1), 4, 2)
    coloured = np.repeat(wide[..., None], 3, axis=3)
    feature_map = image_map(models)
    found = feature_map.features(Records({"image": grey}))
    assert np.allclose(found, feature_map.features(Records({"image": coloured})), atol=1e-6)


def test_resizing_is_linear_between_centres_of_pixels():
    assert resize(np.array([0.0, 4.0]), 4, 0).tolist() == [0, 1, 3, 4]
    assert resize(np.array([0.0, 1.0, 2.0, 3.0]), 2, 0).tolist() == [0.5, 2.5]
    assert resize(np.array([[7.0]]), 3, 1).tolist() == [[7, 7, 7]]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_other_texts_change_no_bit_of_a_row(models, data):
    words = st.lists(st.sampled_from([*WORDS, "zzz"]), max_size=7).map(" ".join)
    texts, row = data.draw(st.lists(words, min_size=1, max_size=5)), data.draw(st.integers(0, 4))
    feature_map, row = text_map(models), row % len(texts)
    alone = feature_map.apply(Records({"text": np.array([texts[row]])}))
    assert (alone[0] == feature_map.apply(Records({"text": np.array(texts)}))[row]).all()


@pytest.mark.parametrize("name", ["words/model.onnx", "words/tokenizer.json"])
@pytest.mark.parametrize("content", [b"another", None])
def test_other_files_are_refused(models, name, content):
    feature_map = text_map(models)
    (models / name).unlink()
    if content:
        (models / name).write_bytes(content)
    with pytest.raises(InvalidModel, match="another file than declared" if content else "cannot be read") as caught:
        feature_map.apply(TEXTS)
    assert str(models) not in str(caught.value)


@pytest.mark.parametrize(("name", "field"), [("words/model.onnx", "network"), ("words/tokenizer.json", "tokenizer")])
def test_files_that_are_something_else_are_refused(models, name, field):
    (models / name).write_bytes(b"{}")
    with pytest.raises(InvalidModel, match=r"cannot be run|holds no tokenizer"):
        text_map(models).apply(TEXTS)


def test_weights_in_further_files_are_refused(models, monkeypatch):
    """Their digest would be in no specification; the file lies where the runtime would look for it."""
    monkeypatch.chdir(models / "words")
    onnx.save_model(text_network(), "model.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(InvalidModel, match="one complete ONNX file"):
        text_map(models).apply(TEXTS)


@pytest.mark.parametrize("changes", [{"size": 7}, {"model": "patches"}])
def test_a_network_that_computes_something_else_is_refused(models, changes):
    (models / "patches" / "tokenizer.json").write_bytes((models / "words" / "tokenizer.json").read_bytes())
    files = {"network": digest(models / changes.get("model", "words") / "model.onnx")}
    with pytest.raises(InvalidModel, match=r"not \(1, tokens, 7\)|asks for 'pixels'"):
        text_map(models, **changes, **files).apply(TEXTS)


def test_an_image_network_of_another_shape_is_refused(models):
    images = Records({"image": np.zeros((1, 8, 8))})
    with pytest.raises(InvalidModel, match=r"not \(1, 6\)"):
        image_map(models, size=6).apply(images)
    with pytest.raises(InvalidModel, match="does not take pixels"):
        image_map(models, side=5).apply(images)


@pytest.mark.parametrize("images", [np.zeros((1, 4)), np.zeros((1, 4, 4, 2)), np.full((1, 4, 4), 256.0)])
def test_other_images_are_refused(models, images):
    with pytest.raises(InvalidRecords, match="column 'image'"):
        image_map(models).apply(Records({"image": images}))


def test_numbers_are_no_texts(models):
    with pytest.raises(InvalidRecords, match="one text per record"):
        text_map(models).apply(Records({"text": np.zeros(2)}))


def test_a_specification_names_no_place(models):
    for feature_map in (text_map(models), image_map(models)):
        written = feature_map.model_dump_json()
        assert parse_feature_map(written) == feature_map
        assert str(models) not in written and "/" not in re.sub("sha256:.{64}", "", written)


@pytest.mark.parametrize("model", ["../words", "words/..", "/words", ""])
def test_a_model_is_a_name(models, model):
    with pytest.raises(Exception, match="not a feature map"):
        text_map(models, model=model)


def test_without_a_folder_the_variable_is_named(models, monkeypatch):
    monkeypatch.delenv("SECURE_DS_MODELS")
    with pytest.raises(InvalidModel, match="set SECURE_DS_MODELS"):
        text_map(models).apply(TEXTS)


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_what_is_not_installed_is_named(models, monkeypatch, package):
    def without(name, *arguments, **options):
        if name == package:
            raise ImportError(name)
        return importer(name, *arguments, **options)

    importer, feature_map = builtins.__import__, text_map(models)
    local_model.load_network.cache_clear(), local_model.load_tokenizer.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match=rf"need {package}: install the extra secure-ds\[embeddings\]"):
        feature_map.apply(TEXTS)
