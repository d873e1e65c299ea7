"""The circuit computes the statistics of records exactly, whatever the order of work."""

import numpy as np
import pytest

from secure_ds.ckks.decryption import decrypt_released, decrypt_rounded
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.profiles import STRONG
from secure_ds.ckks.statistics import StatisticsEvaluator
from secure_ds.ckks.statistics_plan import Part, StatisticsPlan
from tests.ckks.statistics_examples import a_plan, keyed, some_records


def labels_of(n: int, c: int) -> np.ndarray:
    drawn = np.random.default_rng(3).integers(0, c, n)
    return drawn[:, None] - 0.5 if c == 2 else np.eye(c)[drawn] - 1 / c


def decrypted(plan: StatisticsPlan, part: Part, ciphertext: bytes) -> list[float]:
    place = {"level": 1, "scale": plan.product_scale, "positions": plan.positions(part)}
    noise = len(part.pairs) * [0]
    found = decrypt_released(plan.parameters, keyed().secret_key, ciphertext, noise=noise, **place)
    rounded = decrypt_rounded(
        plan.parameters, keyed().secret_key, ciphertext, noise=noise, unit=part.unit, steps=1, **place
    )
    exact = [float(value / part.unit) for value in found]
    assert np.abs(np.array(exact) - rounded).max() < plan.error * part.units_per_one
    return [value / part.units_per_one for value in rounded]


@pytest.mark.parametrize(("n", "d", "c"), [(700, 5, 2), (9000, 4, 3)])
def test_every_number_is_exact_and_its_error_below_the_bound(n, d, c):
    plan, X, V = a_plan(n, d, c), some_records(n, d), labels_of(n, c)
    evaluator = keyed().evaluator(plan, X, V)
    columns = np.hstack([X, V])
    for index, part in enumerate(plan.parts):
        right = [float(X[:, j] @ columns[:, k]) for j, k in part.pairs]
        found = decrypted(plan, part, evaluator.part(index))
        assert np.abs(np.array(found) - right).max() < 1e-11  # of the sums in doubles; one unit is 6e-8


def test_parts_are_the_same_bytes_in_any_order():
    plan, X, V = a_plan(100, 5, 3), some_records(100, 5), labels_of(100, 3)
    evaluator = keyed().evaluator(plan, X, V)
    first = [evaluator.part(index) for index in (0, 1)]
    assert [evaluator.part(1), evaluator.part(0)] == first[::-1]


def test_a_column_of_other_blocks_is_refused():
    plan = a_plan(100, 5, 3, n_blocks=2)
    evaluator = keyed().evaluator(plan, some_records(100, 5), labels_of(100, 3))
    with pytest.raises(EvaluationRefused, match="2 blocks, got 1"):
        evaluator.part(0)


def test_a_plan_of_another_ring_is_refused():
    plan = a_plan(100, 5, 3, parameters=STRONG.parameters, input_scale=STRONG.input_scale)
    with pytest.raises(EvaluationRefused):
        StatisticsEvaluator(keyed().engine, plan, lambda column: [])
