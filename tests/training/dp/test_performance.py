"""Speed settings: what is out of range is refused by name."""

import pytest

from secure_ds.training.dp.performance import InvalidPerformance, Performance


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engine", "fast"),
        ("device", "tpu"),
        ("precision", "float16"),
        ("micro_batch", 0),
        ("micro_batch", True),
        ("micro_batch", 2.0),
        ("processes", 0),
        ("compile", 1),
    ],
)
def test_out_of_range(field: str, value: object) -> None:
    with pytest.raises(InvalidPerformance, match=field):
        Performance(**{field: value})  # type: ignore[arg-type]


def test_the_defaults_hold() -> None:
    assert Performance() == Performance(engine="bookkeeping", device="auto", processes=1)
