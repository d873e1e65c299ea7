"""The norm check on ciphertexts: honest records pass, every other kind is refused."""

import numpy as np
import numpy.typing as npt
import pytest

from secure_ds.ckks.errors import EvaluationRefused, PlanRefused
from secure_ds.ckks.norm_check import norm_check_ciphertexts
from secure_ds.ckks.norm_plan import NormCheckPlan, plan_norm_check
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import FAST
from tests.ckks.circuits import decrypted_slots, encrypted, encrypted_complex, keyed, random_records

N_RECORDS, D = 4096 + 40, 2
Slots = npt.NDArray[np.complex128]


def norm_plan(**changes: float) -> NormCheckPlan:
    numbers = {"input_scale": FAST.input_scale, "eta": FAST.eta, **changes}
    return plan_norm_check(FAST.parameters, n_records=N_RECORDS, n_features=D, n_blocks=2, **numbers)


def checked(columns: list[bytes], label: bytes) -> tuple[Slots, Slots, Slots]:
    """Return the decrypted (norms, squares, labels) of a block."""
    ring, plan = keyed(), norm_plan()
    result = norm_check_ciphertexts(ring.engine, plan, columns, label)
    norms, squares, labels = (
        decrypted_slots(ring, data, plan.level, plan.scale) for data in (result.norms, result.squares, result.labels)
    )
    return norms, squares, labels


def accepts(values: npt.NDArray[np.float64], block: int = 0) -> bool:
    """Encrypt columns (features, slack, label) of both blocks and judge one of them."""
    data = encrypted(keyed(), values)
    columns = [data[column, block] for column in range(D + 1)]
    return norm_plan().accepts(block, *checked(columns, data[D + 1, block]))


def honest() -> npt.NDArray[np.float64]:
    return random_records(N_RECORDS, D).columns


@pytest.mark.parametrize("block", [0, 1])
def test_honest_records_pass_in_full_and_ragged_blocks(block: int) -> None:
    assert accepts(honest(), block)


def test_the_check_s_own_error_is_far_below_its_tolerance() -> None:
    data = encrypted(keyed(), honest())
    norms, squares, labels = checked([data[column, 1] for column in range(D + 1)], data[D + 1, 1])
    for values, right in ((norms, 1.0), (squares, 1.0), (labels, 0.25)):
        assert np.abs(values[:40] - right).max() < FAST.eta / 64
        assert np.abs(values[40:]).max() < FAST.eta / 64


def change(row: int, column: int, value: float) -> npt.NDArray[np.float64]:
    values = honest()
    values[row, column] = value
    return values


def doubled_record() -> npt.NDArray[np.float64]:
    values = honest()
    values[7, : D + 1] *= 2
    return values


@pytest.mark.parametrize(
    "values",
    [
        doubled_record(),
        change(5, 0, 1.5),
        change(3, D + 1, 1.5),  # the label 2
        change(3, D + 1, 0.0),
        change(0, D + 1, 0.48),
        change(9, D, 0.2),
    ],
    ids=["doubled", "long", "label-2", "no-label", "label-almost", "slack"],
)
def test_a_single_wrong_record_is_refused(values: npt.NDArray[np.float64]) -> None:
    assert not accepts(values)


def test_a_record_in_an_empty_slot_is_refused() -> None:
    values = np.vstack([honest(), [[0.6, 0.8, 0.0, 0.5]]])
    assert not accepts(values, block=1)


def test_a_block_swapped_with_another_is_refused() -> None:
    data = encrypted(keyed(), honest())
    columns = [data[0, 1], data[1, 0], data[2, 0]]
    assert not norm_plan().accepts(0, *checked(columns, data[D + 1, 0]))
    ragged = [data[column, 1] for column in range(D + 1)]
    assert not norm_plan().accepts(0, *checked(ragged, data[D + 1, 1]))


@pytest.mark.parametrize(
    ("record", "label"),
    [
        ((np.sqrt(2), 1j, 0), 0.5),  # squares sum to 1, the norm is 3
        ((1j, 0, 0), 0.5),  # the norm is 1, squares sum to -1
        ((1, 0, 0), 0.5j * np.sqrt(9)),  # a label of modulus 3/2
    ],
)
def test_complex_slots_of_a_hostile_client_are_refused(record: tuple[complex, ...], label: complex) -> None:
    ring, slots = keyed(), FAST.parameters.slots
    columns = [encrypted_complex(ring, np.full(slots, value, dtype=complex)) for value in record]
    label_data = encrypted_complex(ring, np.full(slots, label, dtype=complex))
    assert not norm_plan().accepts(0, *checked(columns, label_data))


def test_the_stated_limit_a_client_that_wraps_every_slot_on_purpose_passes() -> None:
    """Not wanted, but stated in `norm_plan`: the sums are read modulo q_0 q_1, and all slots can wrap together."""
    plan, slots = norm_plan(), FAST.parameters.slots
    wrapped = FAST.parameters.modulus(plan.level) / plan.scale
    assert wrapped >= 16
    records = np.zeros((slots, D + 2))
    records[:, 0], records[:, D + 1] = np.sqrt(1 + wrapped), np.sqrt(0.25 + wrapped)
    assert accepts(records)
    records[17, 0] = 1.0  # but one slot that does not wrap with the others gives it away
    assert not accepts(records)


@pytest.mark.parametrize("squared_norm", [2.0, 4.0, 7.9])
def test_what_does_not_wrap_is_refused_also_when_all_records_do_it(squared_norm: float) -> None:
    records = np.zeros((FAST.parameters.slots, D + 2))
    records[:, 0], records[:, D + 1] = np.sqrt(squared_norm), 0.5
    assert not accepts(records)


def test_the_number_of_columns_must_be_the_plan_s() -> None:
    data = encrypted(keyed(), honest()[:10])
    with pytest.raises(EvaluationRefused, match="takes 3 columns of a block, got 2"):
        checked([data[0, 0], data[1, 0]], data[D + 1, 0])


def test_judgement_refuses_other_shapes_and_values_that_are_no_numbers() -> None:
    plan, slots = norm_plan(), FAST.parameters.slots
    ones, quarters = np.ones(slots), np.full(slots, 0.25)
    assert plan.accepts(0, ones, ones, quarters)
    assert not plan.accepts(0, ones[:-1], ones, quarters)
    assert not plan.accepts(0, np.where(np.arange(slots) == 3, np.nan, ones), ones, quarters)
    assert not plan.accepts(1, ones, ones, quarters)


def test_refuses_a_tolerance_it_could_not_resolve_and_scales_without_room() -> None:
    with pytest.raises(PlanRefused) as refusal:
        norm_plan(eta=2.0**-20)
    assert refusal.value.reason == "eta_too_small"
    with pytest.raises(PlanRefused) as refusal:
        norm_plan(input_scale=2.0**46)
    assert refusal.value.reason == "out_of_range"
    with pytest.raises(PlanRefused, match="two data primes"):
        plan_norm_check(
            Parameters.from_bits(4096, (40, 40)), input_scale=2.0**20, n_records=1, n_features=1, n_blocks=1, eta=0.01
        )
