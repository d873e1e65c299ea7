"""One bit a block, once for life: the check must not become an oracle for whoever may send ciphertexts."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.entities import KeySet
from secure_ds.ckks.norm_check import NormCiphertexts, norm_check_ciphertexts
from secure_ds.core.ids import new_id
from secure_ds.custodian.errors import CheckRefused, CiphertextRejected, KeyUnknown, PolicyRefused
from secure_ds.custodian.norms import check_norms
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.services.planning import norm_plan_for
from secure_ds.wire.custodian import NormCheck
from secure_ds.worker.blobs import stored_blocks
from tests.installation import random_records
from tests.prepared import Prepared, another_valid, as_text


@pytest.fixture
def uploaded(ready: Prepared) -> DatasetDescriptor:
    """A data set whose upload is complete and whose check nobody has asked for."""
    installation, directory = ready.installation, ready.installation.home / "package-unchecked"
    package = installation.encrypt(directory, random_records(seed=2), Ed25519PrivateKey.generate())
    installation.register(ready.owner, package, directory)
    installation.upload(ready.owner, package)
    return package.descriptor


def ciphertexts(ready: Prepared, descriptor: DatasetDescriptor) -> NormCiphertexts:
    """What an honest worker computes of the only block."""
    blocks = stored_blocks(ready.installation.context, descriptor)
    plan = norm_plan_for(descriptor)
    return norm_check_ciphertexts(blocks.engine(), plan, blocks.features_and_slack(0), blocks.labels(0))


def question(descriptor: DatasetDescriptor, found: NormCiphertexts, block: int = 0) -> NormCheck:
    norms, labels = as_text(found.norms), as_text(found.labels)
    return NormCheck(dataset_id=descriptor.dataset_id, block=block, norms=norms, labels=labels)


def entries(ready: Prepared, action: str) -> int:
    with ready.installation.store.read() as work:
        return sum(entry.read().draft.action == action for entry in work.audit.walk(0, work.audit.head().size))


def test_an_honest_block_passes_once_however_often_it_is_asked_about(
    ready: Prepared, uploaded: DatasetDescriptor
) -> None:
    custodian, before = ready.installation.custodian, entries(ready, "key:check")
    asked = question(uploaded, ciphertexts(ready, uploaded))
    assert [check_norms(custodian, asked).passed for _ in range(3)] == [True] * 3
    assert custodian.journal.checks_made(uploaded.dataset_id) == 1
    assert entries(ready, "key:check") == before + 1


@pytest.mark.parametrize("first_passes", [True, False], ids=["passed before", "failed before"])
def test_a_block_has_one_verdict_for_life(ready: Prepared, uploaded: DatasetDescriptor, first_passes: bool) -> None:
    custodian, honest = ready.installation.custodian, ciphertexts(ready, uploaded)
    other = NormCiphertexts(another_valid(honest.norms), honest.labels)
    first, second = (honest, other) if first_passes else (other, honest)
    assert check_norms(custodian, question(uploaded, first)).passed is first_passes
    with pytest.raises(CheckRefused):
        check_norms(custodian, question(uploaded, second))
    assert check_norms(custodian, question(uploaded, first)).passed is first_passes
    assert custodian.journal.checks_made(uploaded.dataset_id) == 1


def test_after_one_failed_block_nothing_more_is_checked(ready: Prepared) -> None:
    installation, directory = ready.installation, ready.installation.home / "package-two-blocks"
    package = installation.encrypt(directory, random_records(n=8200, features=1), Ed25519PrivateKey.generate())
    installation.register(ready.owner, package, directory)
    installation.upload(ready.owner, package)
    custodian, found = installation.custodian, ciphertexts(ready, package.descriptor)
    failing = NormCiphertexts(another_valid(found.norms), found.labels)
    assert not check_norms(custodian, question(package.descriptor, failing, block=1)).passed
    with pytest.raises(CheckRefused, match="another block"):
        check_norms(custodian, question(package.descriptor, found))


def test_a_key_of_its_own_is_judged_by_its_own_failures(ready: Prepared, uploaded: DatasetDescriptor) -> None:
    custodian, honest = ready.installation.custodian, ciphertexts(ready, uploaded)
    assert not check_norms(custodian, question(uploaded, NormCiphertexts(honest.labels, honest.norms))).passed
    journal = custodian.journal
    assert [journal.checks_failed_of_key(of.dataset_id) for of in (uploaded, ready.descriptor)] == [1, 0]


def test_a_ready_data_set_is_checked_no_more(ready: Prepared) -> None:
    asked = question(ready.descriptor, ciphertexts(ready, ready.descriptor))
    assert check_norms(ready.installation.custodian, asked).passed  # the stored verdict
    changed = asked.model_copy(update={"labels": asked.norms})
    with pytest.raises(CheckRefused):
        check_norms(ready.installation.custodian, changed)


def test_blocks_that_do_not_exist_have_no_verdict(ready: Prepared, uploaded: DatasetDescriptor) -> None:
    asked = question(uploaded, ciphertexts(ready, uploaded), block=1)
    with pytest.raises(CheckRefused):
        check_norms(ready.installation.custodian, asked)
    assert ready.installation.custodian.journal.checks_made(uploaded.dataset_id) == 0


def test_an_unknown_data_set_has_no_verdict(ready: Prepared) -> None:
    asked = question(ready.descriptor, ciphertexts(ready, ready.descriptor))
    with pytest.raises(KeyUnknown):
        check_norms(ready.installation.custodian, asked.model_copy(update={"dataset_id": new_id("ds")}))


def truncated(data: bytes) -> bytes:
    return data[:-1]


def residue_too_large(data: bytes) -> bytes:
    return data[:-1] + b"\xff"


@pytest.mark.parametrize("part", ["norms", "labels"])
@pytest.mark.parametrize("broken", [truncated, residue_too_large], ids=lambda broken: broken.__name__)
def test_malformed_ciphertexts_cost_the_block_nothing(
    ready: Prepared, uploaded: DatasetDescriptor, part: str, broken: Callable[[bytes], bytes]
) -> None:
    """The fault lies in the form, which everybody can see: no bit of the secret is in this answer."""
    custodian, honest = ready.installation.custodian, ciphertexts(ready, uploaded)
    asked = question(uploaded, honest)
    changed = asked.model_copy(update={part: as_text(broken(getattr(honest, part)))})
    with pytest.raises(CiphertextRejected):
        check_norms(custodian, changed)
    assert custodian.journal.checks_made(uploaded.dataset_id) == 0
    assert check_norms(custodian, asked).passed


def test_swapped_ciphertexts_fail(ready: Prepared, uploaded: DatasetDescriptor) -> None:
    honest = ciphertexts(ready, uploaded)
    swapped = NormCiphertexts(honest.labels, honest.norms)
    assert not check_norms(ready.installation.custodian, question(uploaded, swapped)).passed


def test_policy_is_asked_even_when_the_journal_would_allow(
    ready: Prepared, uploaded: DatasetDescriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(uploaded, ciphertexts(ready, uploaded))
    monkeypatch.setattr("secure_ds.custodian.norms.key_facts", lambda *_: _key_in_use(uploaded))
    with pytest.raises(PolicyRefused):
        check_norms(ready.installation.custodian, asked)


def _key_in_use(descriptor: DatasetDescriptor) -> KeySet:
    return KeySet(id=descriptor.dataset_id, tenant=descriptor.tenant, purposes=frozenset({"research"}), state="ready")
