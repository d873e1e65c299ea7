"""The norm check on ciphertexts: honest records pass, every other kind is refused."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from secure_ds.ckks.errors import EvaluationRefused, PlanRefused
from secure_ds.ckks.norm_check import norm_check_ciphertexts
from secure_ds.ckks.norm_plan import NormCheckPlan, plan_norm_check
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import FAST
from secure_ds.ckks.slots import join, split
from tests.ckks.circuits import decrypted_slots, encrypted, encrypted_complex, keyed, random_records

BLOCK = FAST.parameters.poly_modulus_degree
N_RECORDS, D = BLOCK + 40, 2
Records = npt.NDArray[np.float64]
Slots = npt.NDArray[np.complex128]


def norm_plan(**changes: Any) -> NormCheckPlan:
    numbers = {"input_scale": FAST.input_scale, "eta": FAST.eta, "n_records": N_RECORDS, "n_features": D, "n_blocks": 2}
    return plan_norm_check(FAST.parameters, **{**numbers, **changes})


def checked(columns: list[bytes], labels: list[bytes], plan: NormCheckPlan | None = None) -> tuple[Slots, Slots]:
    """Return the decrypted (norms, labels) of a block."""
    ring, plan = keyed(), plan or norm_plan()
    result = norm_check_ciphertexts(ring.engine, plan, columns, labels)
    norms, found = (decrypted_slots(ring, data, plan.level, plan.scale) for data in (result.norms, result.labels))
    return norms, found


def accepts(values: Records, block: int = 0) -> bool:
    """Encrypt columns (features, slack, label) of all blocks and judge one of them."""
    data = encrypted(keyed(), values)
    columns = [data[column, block] for column in range(D + 1)]
    return norm_plan().accepts(block, *checked(columns, [data[D + 1, block]]))


def honest() -> Records:
    return random_records(N_RECORDS, D).columns


@pytest.mark.parametrize("block", [0, 1])
def test_honest_records_pass_in_full_and_ragged_blocks(block: int) -> None:
    assert accepts(honest(), block)


def test_the_custodian_learns_nothing_but_constants() -> None:
    """Above all not the inner product of the two records of a slot; what is left is the noise of the check."""
    data = encrypted(keyed(), honest())
    for block, present in ((0, BLOCK), (1, 40)):
        found = checked([data[column, block] for column in range(D + 1)], [data[D + 1, block]])
        for values, right in zip(found, (1.0, 0.25), strict=True):
            by_record = split(values)
            assert np.abs(by_record[:present] - right).max() < FAST.eta / 32
            assert np.abs(by_record[present:]).max(initial=0.0) < FAST.eta / 32


@pytest.mark.parametrize("n_classes", [3, 5])
def test_label_vectors_of_several_classes(n_classes: int) -> None:
    ring, plan = keyed(), norm_plan(n_records=BLOCK, n_blocks=1, n_labels=n_classes)
    labels = np.random.default_rng(n_classes).integers(0, n_classes, BLOCK)
    columns = np.equal(labels[:, None], np.arange(n_classes)) - 1 / n_classes
    unit = encrypted(ring, np.tile([0.0, 0.6, 0.8], (BLOCK, 1)), n_labels=0)
    records = [unit[column, 0] for column in range(D + 1)]

    def judged(values: Records) -> bool:
        data = encrypted(ring, values, n_labels=n_classes)
        return plan.accepts(0, *checked(records, [data[column, 0] for column in range(n_classes)], plan))

    assert judged(columns)
    columns[BLOCK - 1] = 0.0
    assert not judged(columns)


def change(row: int, column: int, value: float) -> Records:
    values = honest()
    values[row, column] = value
    return values


def doubled_record(row: int) -> Records:
    values = honest()
    values[row, : D + 1] *= 2
    return values


@pytest.mark.parametrize(
    "values",
    [
        doubled_record(7),
        doubled_record(BLOCK - 7),  # the second record of its slot
        change(5, 0, 1.5),
        change(3, D + 1, 1.5),  # the label 2
        change(BLOCK // 2 + 3, D + 1, 0.0),
        change(0, D + 1, 0.48),
        change(9, D, 0.2),
    ],
    ids=["doubled", "doubled-second", "long", "label-2", "no-label", "label-almost", "slack"],
)
def test_a_single_wrong_record_is_refused(values: Records) -> None:
    assert not accepts(values)


def test_lengths_may_not_move_between_the_two_records_of_a_slot() -> None:
    """|x1|^2 + |x2|^2 is right, and so is |v1|^2 + |v2|^2."""
    values = honest()
    values[0], values[BLOCK // 2] = [1.2, 0.0, 0.0, 0.5], [np.sqrt(2 - 1.44), 0.0, 0.0, 0.5]
    assert not accepts(values)
    values = honest()
    values[0, D + 1], values[BLOCK // 2, D + 1] = 0.6, np.sqrt(0.5 - 0.36)
    assert not accepts(values)


def test_a_record_where_none_is_declared_is_refused() -> None:
    more = np.vstack([honest(), [[0.6, 0.8, 0.0, 0.5]]])
    assert not accepts(more, block=1)
    second = np.zeros((2 * BLOCK, D + 2))
    second[:N_RECORDS] = honest()
    second[BLOCK + BLOCK // 2] = [0.6, 0.8, 0.0, 0.5]  # beside the first record, in its slot
    assert not accepts(second, block=1)


def test_a_block_swapped_with_another_is_refused() -> None:
    data = encrypted(keyed(), honest())
    columns = [data[0, 1], data[1, 0], data[2, 0]]
    assert not norm_plan().accepts(0, *checked(columns, [data[D + 1, 0]]))
    ragged = [data[column, 1] for column in range(D + 1)]
    assert not norm_plan().accepts(0, *checked(ragged, [data[D + 1, 1]]))


def test_any_slot_is_a_pair_of_records_and_judged_as_one() -> None:
    """A hostile client may write any complex number: it is two reals, whatever it was meant to be."""
    ring, slots, plan = keyed(), FAST.parameters.slots, norm_plan()

    def judged(record: tuple[complex, complex, complex], label: complex) -> bool:
        columns = [encrypted_complex(ring, np.full(slots, value, dtype=complex)) for value in record]
        return plan.accepts(0, *checked(columns, [encrypted_complex(ring, np.full(slots, label, dtype=complex))]))

    assert judged((1 + 0.6j, 0.8j, 0), 0.5 - 0.5j)  # the records (1, 0, 0) and +-(0.6, 0.8, 0)
    assert not judged((np.sqrt(2), 1j, 0), 0.5 + 0.5j)  # squares sum to 1, the first record has norm sqrt(2)
    assert not judged((1, 0, 0), 0.5 + 0.5j)  # the second record is missing
    assert not judged((1 + 1j, 0, 0), 1.5j)


def test_the_stated_limit_a_client_that_wraps_every_slot_on_purpose_passes() -> None:
    """Not wanted, but stated in `norm_plan`: the sums are read modulo q_0 q_1, and all slots can wrap together."""
    plan = norm_plan()
    wrapped = FAST.parameters.modulus(plan.level) / plan.scale
    assert wrapped >= 16
    records = np.zeros((BLOCK, D + 2))
    records[:, 0], records[:, D + 1] = 1.0, 0.5
    records[: BLOCK // 2, 0], records[: BLOCK // 2, D + 1] = np.sqrt(1 + wrapped), np.sqrt(0.25 + wrapped)
    assert accepts(records)
    records[17, 0] = 1.0  # but one slot that does not wrap with the others gives it away
    assert not accepts(records)


@pytest.mark.parametrize("squared_norm", [2.0, 4.0, 7.9])
def test_what_does_not_wrap_is_refused_also_when_all_records_do_it(squared_norm: float) -> None:
    records = np.zeros((BLOCK, D + 2))
    records[:, 0], records[:, D + 1] = np.sqrt(squared_norm), 0.5
    assert not accepts(records)


def test_the_number_of_columns_must_be_the_plan_s() -> None:
    data = encrypted(keyed(), honest()[:10])
    with pytest.raises(EvaluationRefused, match="takes 3 feature and slack columns of a block, got 2"):
        checked([data[0, 0], data[1, 0]], [data[D + 1, 0]])
    with pytest.raises(EvaluationRefused, match="takes 1 label columns of a block, got 0"):
        checked([data[0, 0], data[1, 0], data[2, 0]], [])


def test_judgement_refuses_other_shapes_and_values_that_are_no_numbers() -> None:
    plan, slots = norm_plan(), FAST.parameters.slots
    ones, quarters = join(np.ones(BLOCK), slots), join(np.full(BLOCK, 0.25), slots)
    assert plan.accepts(0, ones, quarters)
    assert not plan.accepts(0, ones[:-1], quarters)
    assert not plan.accepts(0, np.where(np.arange(slots) == 3, np.nan, ones), quarters)
    assert not plan.accepts(1, ones, quarters)
    assert not plan.accepts(0, ones.conj(), quarters)


def test_refuses_a_tolerance_it_could_not_resolve_and_scales_without_room() -> None:
    with pytest.raises(PlanRefused) as refusal:
        norm_plan(eta=2.0**-20)
    assert refusal.value.reason == "eta_too_small"
    for change in ({"input_scale": 2.0**50}, {"n_labels": 2}, {"n_labels": 65}, {"n_labels": 0}):
        with pytest.raises(PlanRefused) as refusal:
            norm_plan(**change)
        assert refusal.value.reason == "out_of_range"
    with pytest.raises(PlanRefused, match="two data primes"):
        plan_norm_check(
            Parameters.from_bits(4096, (40, 40)), input_scale=2.0**20, n_records=1, n_features=1, n_blocks=1, eta=0.01
        )
