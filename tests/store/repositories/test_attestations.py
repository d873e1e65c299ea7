"""What evaluators attested: one word each on a step, and it comes back as it was signed."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.core.evaluators import Evaluator, Evaluators
from secure_ds.jobs.evaluation import Evaluation, EvaluatorIdentity, valid
from secure_ds.store.errors import AttestationConflict
from secure_ds.store.unit_of_work import Store
from tests.store.samples import add_job, digest

NORTH, SOUTH = (EvaluatorIdentity(domain, Ed25519PrivateKey.generate()) for domain in ("north", "south"))
LISTED = Evaluators(tuple(Evaluator(domain=who.domain, public_key=who.public_key) for who in (NORTH, SOUTH)))


@pytest.fixture
def said(store: Store) -> Evaluation:
    return Evaluation(add_job(store).id, 0, digest(1), digest(2), digest(3))


def test_attestations_come_back_as_they_were_signed(store: Store, said: Evaluation) -> None:
    with store.write() as unit:
        assert unit.attestations.add(NORTH.attest(said))
        assert unit.attestations.add(SOUTH.attest(said))
        assert unit.attestations.add(SOUTH.attest(replace(said, step=1)))
    with store.read() as unit:
        found = unit.attestations.list(said.job_id, 0)
    assert {each.domain for each in valid(found, LISTED)} == {"north", "south"}
    assert all(each.evaluation == said for each in found)


def test_the_same_word_again_changes_nothing(store: Store, said: Evaluation) -> None:
    with store.write() as unit:
        unit.attestations.add(NORTH.attest(said))
    with store.write() as unit:
        assert not unit.attestations.add(NORTH.attest(said))
        assert len(unit.attestations.list(said.job_id, 0)) == 1


def test_another_word_is_refused(store: Store, said: Evaluation) -> None:
    with store.write() as unit:
        unit.attestations.add(NORTH.attest(said))
        with pytest.raises(AttestationConflict):
            unit.attestations.add(NORTH.attest(replace(said, ciphertext_digest=digest(4))))
        assert unit.attestations.list(said.job_id, 0) == [NORTH.attest(said)]
