"""Model files."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.training.dp.model_file import InvalidDpModelFile, TrainedDpModel, read_dp_model, write_dp_model

MODEL = TrainedDpModel(
    tensors={"b": torch.ones(2), "a": torch.arange(6.0).view(2, 3)},
    config={"family": "mlp", "hidden": [3]},
    classes=("no", "yes"),
    schema={"kind": "table"},
    plan_digest="sha256:" + "0" * 64,
)


def test_a_model_comes_back_as_it_was() -> None:
    read = read_dp_model(write_dp_model(MODEL))
    assert (read.config, read.classes, read.schema) == (MODEL.config, MODEL.classes, MODEL.schema)
    assert read.plan_digest == MODEL.plan_digest
    assert all(torch.equal(each, read.tensors[name]) for name, each in MODEL.tensors.items())


def test_equal_models_are_equal_files() -> None:
    again = TrainedDpModel(
        dict(reversed(MODEL.tensors.items())), MODEL.config, MODEL.classes, MODEL.schema, MODEL.plan_digest
    )
    assert write_dp_model(again) == write_dp_model(MODEL)


@given(st.binary(max_size=200) | st.integers(0, 300).map(lambda size: write_dp_model(MODEL)[:size]))
def test_anything_else_is_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(InvalidDpModelFile):
        read_dp_model(data)


def test_another_format_is_refused() -> None:
    other = write_dp_model(MODEL).replace(b"dp-model/1", b"dp-model/9")
    with pytest.raises(InvalidDpModelFile):
        read_dp_model(other)
