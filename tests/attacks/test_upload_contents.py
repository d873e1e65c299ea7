"""What only the norm check can notice: uploads that are well-formed and signed by their owner, and wrong inside.

Sensitivity rests on every record having norm 1 and a label of 0 or 1. Each of these uploads passes every structural
check, and is refused before any job can use it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.profiles import FAST
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.services.errors import AccessDenied, StateConflict
from secure_ds.wire.datasets import DatasetView
from tests.attacks.hostile_owner import BLOCK, SLOTS, HostileOwner, Matrix
from tests.ckks.circuits import Keyed, encrypted_complex

SLACK, LABEL = -2, -1


def require_refused(hostile: HostileOwner, view: DatasetView, block: int = 0) -> None:
    assert (view.state, view.norms) == ("refused", "pending")
    assert view.refusal is not None
    assert view.refusal.code == "norm_check_failed"
    assert f"block {block}" in view.refusal.detail
    with pytest.raises(AccessDenied, match="ready"):
        hostile.installation.submit(hostile.caller, view.id, steps=1, radius=4.0)
    custodian = hostile.installation.custodian
    assert custodian.journal.checks_passed(view.id) == block
    assert custodian.journal.releases(view.id) == 0


def test_honest_records_are_accepted(hostile: HostileOwner) -> None:
    assert hostile.submit(hostile.encrypt()).state == "ready"


def record_too_long(matrix: Matrix) -> None:
    matrix[7, :LABEL] *= 2


def record_too_short(matrix: Matrix) -> None:
    matrix[7, :LABEL] = 0


def feature_too_large(matrix: Matrix) -> None:
    matrix[0, 0] = 100.0


def slack_missing(matrix: Matrix) -> None:
    matrix[:, SLACK] = 0


def label_of_2(matrix: Matrix) -> None:
    matrix[3, LABEL] = 2 - 0.5


def label_of_minus_1(matrix: Matrix) -> None:
    matrix[3, LABEL] = -1 - 0.5


def label_between(matrix: Matrix) -> None:
    matrix[3, LABEL] = 0.0


def slightly_too_long(matrix: Matrix) -> None:
    matrix[7, :LABEL] *= 1 + FAST.eta


CONTENTS = [
    record_too_long,
    record_too_short,
    feature_too_large,
    slack_missing,
    label_of_2,
    label_of_minus_1,
    label_between,
    slightly_too_long,
]


@pytest.mark.parametrize("change", CONTENTS, ids=lambda change: change.__name__)
def test_one_wrong_record_is_enough(hostile: HostileOwner, change: Callable[[Matrix], None]) -> None:
    require_refused(hostile, hostile.submit(hostile.encrypt(change=change)))


def test_a_record_more_than_declared_is_refused(hostile: HostileOwner) -> None:
    directory = hostile.encrypt(40)
    hostile.sign_again(directory, lambda fields: fields.update(n_records=39))
    require_refused(hostile, hostile.submit(directory))


def test_a_record_less_than_declared_is_refused(hostile: HostileOwner) -> None:
    """A declared record that is all zeros would take part in the noise's bound and not in the count."""
    directory = hostile.encrypt(40)
    hostile.sign_again(directory, lambda fields: fields.update(n_records=41))
    require_refused(hostile, hostile.submit(directory))


def swap(first: tuple[int, int], second: tuple[int, int]) -> Callable[[dict[str, Any]], None]:
    """Let two ciphertexts change places, each given as (column, block)."""

    def change(fields: dict[str, Any]) -> None:
        places = {(entry["column"], entry["block"]): entry for entry in fields["blocks"]}
        one, other = places[first], places[second]
        one["digest"], other["digest"] = other["digest"], one["digest"]

    return change


SWAPS = {
    "a feature of one block with the same of another": ((0, 0), (0, 1)),
    "label and feature": ((4, 0), (0, 0)),
    "label and slack": ((4, 0), (3, 0)),
    "the labels of two blocks": ((4, 0), (4, 1)),
}


@pytest.mark.parametrize("places", SWAPS.values(), ids=SWAPS.keys())
def test_a_swapped_block_signed_again_by_the_owner_is_refused(
    hostile: HostileOwner, places: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """The second block is ragged: it holds 9 records and room for 8183 more."""
    directory = hostile.encrypt(BLOCK + 9)
    hostile.sign_again(directory, swap(*places))
    require_refused(hostile, hostile.submit(directory))


def test_full_blocks_of_one_column_may_not_change_places(hostile: HostileOwner) -> None:
    """Two full blocks: shapes and counts agree, and yet no record is normalised any more."""
    directory = hostile.encrypt(2 * BLOCK)
    hostile.sign_again(directory, swap((1, 0), (1, 1)))
    require_refused(hostile, hostile.submit(directory))


def test_the_first_bad_block_ends_the_check(hostile: HostileOwner) -> None:
    def change(matrix: Matrix) -> None:
        matrix[BLOCK + 2, 0] = 3.0

    view = hostile.submit(hostile.encrypt(BLOCK + 9, change))
    require_refused(hostile, view, block=1)


def test_a_column_under_another_key_is_refused(hostile: HostileOwner) -> None:
    directory = hostile.encrypt()
    with generate_secret_key(FAST.parameters) as foreign:
        column = np.full((40, 1), 0.1)
        (block,) = encrypt_columns(FAST.parameters, foreign, column, FAST.input_scale, 0)
    hostile.replace_blob(directory, 1, block.data)
    require_refused(hostile, hostile.submit(directory))


@pytest.mark.parametrize("name", ["relin", "conjugation"])
def test_evaluation_keys_of_another_secret_are_refused(hostile: HostileOwner, name: str) -> None:
    """Well-formed keys for the wrong secret turn every product into noise."""
    directory = hostile.encrypt()
    with generate_secret_key(FAST.parameters) as foreign:
        hostile.replace_key(directory, name, dict(generate_key_files(FAST.parameters, foreign))[name])
    require_refused(hostile, hostile.submit(directory))


def test_the_stated_limit_keys_that_the_check_does_not_use_are_not_found(hostile: HostileOwner) -> None:
    """The owner deceives about their own records alone: their jobs release noise, within budget and paid for."""
    directory = hostile.encrypt()
    with generate_secret_key(FAST.parameters) as foreign:
        keys = dict(generate_key_files(FAST.parameters, foreign))
        for name in ("galois_products", "galois_tail"):
            hostile.replace_key(directory, name, keys[name])
    view = hostile.submit(directory)
    assert view.state == "ready"
    job = hostile.installation.submit(hostile.caller, view.id, steps=1, radius=4.0)
    hostile.installation.run()
    assert hostile.installation.services.show_job(hostile.caller, job.id).state == "succeeded"
    assert hostile.installation.custodian.journal.releases(view.id) == 1


def slots_of(secret: SecretKey, rows: list[complex]) -> list[bytes]:
    """Encrypt one constant complex number in 40 slots, column by column, under the owner's own key."""
    ring = Keyed(FAST, secret, None)  # type: ignore[arg-type]  # nothing is evaluated
    occupied = np.arange(SLOTS) < 40
    return [encrypted_complex(ring, np.where(occupied, value, 0).astype(complex)) for value in rows]


COMPLEX = {
    "norm 3 whose squares sum to 1": [np.sqrt(2), 0, 0, 1j, 0.5],
    "norm 1 whose squares sum to -1": [1j, 0, 0, 0, 0.5],
    "a label of modulus 3/2": [1, 0, 0, 0, 1.5j],
    "an imaginary label of modulus 1/2 beside a norm of 2": [1, 1j, 0, 1, 0.5j],
    "a second record in every slot": [1 + 1j, 0, 0, 0, 0.5 + 0.5j],
}


@pytest.mark.parametrize("rows", COMPLEX.values(), ids=COMPLEX.keys())
def test_complex_slots_are_refused(hostile: HostileOwner, rows: list[complex]) -> None:
    """The owner knows the key, and so can encrypt what the client would not: every slot is two records, 40 declared."""
    directory = hostile.encrypt()
    for column, data in enumerate(slots_of(SecretKey.from_bytes(hostile.secret), rows)):
        hostile.replace_blob(directory, column, data)
    require_refused(hostile, hostile.submit(directory))


def test_lengths_may_not_move_between_the_two_records_of_a_slot(hostile: HostileOwner) -> None:
    def change(matrix: Matrix) -> None:
        matrix[0, :LABEL] *= 1.2
        matrix[BLOCK // 2, :LABEL] *= np.sqrt(2 - 1.44)

    require_refused(hostile, hostile.submit(hostile.encrypt(BLOCK // 2 + 5, change)))


def test_a_refused_data_set_cannot_be_tried_again(hostile: HostileOwner) -> None:
    """Pass or fail is one bit about the contents, given once: the same id cannot be registered for another attempt."""
    directory = hostile.encrypt(change=label_of_2)
    view = hostile.submit(directory)
    with pytest.raises(StateConflict, match="exists already"):
        hostile.installation.register(hostile.caller, hostile.package(directory), directory)
    with pytest.raises(AccessDenied, match="upload"):
        hostile.installation.services.finish_upload(hostile.caller, view.id)


def test_a_blob_changed_in_the_store_after_upload_is_noticed(hostile: HostileOwner) -> None:
    """Whoever can write to the service's disk cannot have the worker load what the owner did not sign."""
    directory = hostile.encrypt()
    package, installation = hostile.package(directory), hostile.installation
    dataset_id = package.descriptor.dataset_id
    installation.register(hostile.caller, package, directory)
    installation.upload(hostile.caller, package)
    victim = installation.home / "blobs" / dataset_id / package.descriptor.blocks[0].digest.removeprefix("sha256:")
    data = bytearray(victim.read_bytes())
    data[-8] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(bytes(data))
    installation.services.finish_upload(hostile.caller, dataset_id)
    installation.run()
    view = installation.services.show_dataset(hostile.caller, dataset_id)
    assert view.state == "refused"
    assert view.refusal is not None
    assert view.refusal.code == "check_impossible"
    assert "signed for" in view.refusal.detail
