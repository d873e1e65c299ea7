"""Attestations: worth something for exactly what was signed, by whom it was signed, once for each domain."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.core.evaluators import Evaluator, Evaluators
from secure_ds.jobs.evaluation import Attestation, Evaluation, EvaluatorIdentity, holds, judge, statement, valid


def identity(domain: str, number: int) -> EvaluatorIdentity:
    return EvaluatorIdentity(domain, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


NORTH, NORTH_TOO, SOUTH, STRANGER = (identity(*who) for who in (("north", 1), ("north", 2), ("south", 3), ("south", 4)))
LISTED = Evaluators(tuple(Evaluator(domain=who.domain, public_key=who.public_key) for who in (NORTH, NORTH_TOO, SOUTH)))
HONEST = Evaluation("job_a", 3, digest(1), digest(2), digest(3))
CHANGES: list[dict[str, object]] = [
    {"job_id": "job_b"},
    {"step": 4},
    {"plan_digest": digest(9)},
    {"weights_digest": digest(9)},
    {"ciphertext_digest": digest(9)},
]


def test_two_domains_confirm() -> None:
    said = [NORTH.attest(HONEST), SOUTH.attest(HONEST)]
    verdict = judge(HONEST, valid(said, LISTED))
    assert verdict.confirmed
    assert verdict.domains == ("north", "south")


def test_attesting_again_gives_the_same_attestation() -> None:
    assert NORTH.attest(HONEST) == NORTH.attest(HONEST)


@pytest.mark.parametrize("second", [NORTH, NORTH_TOO], ids=["the same key", "another key of the domain"])
def test_one_domain_is_one_witness(second: EvaluatorIdentity) -> None:
    said = [NORTH.attest(HONEST), second.attest(HONEST)]
    assert not judge(HONEST, valid(said, LISTED)).confirmed


def test_a_key_that_is_not_listed_is_nobody() -> None:
    assert not holds(STRANGER.attest(HONEST), LISTED)


def test_a_key_does_not_count_for_another_domain_than_its_own() -> None:
    """The holder of one key signs twice, once as north and once as south."""
    posing = EvaluatorIdentity("south", NORTH.key)
    said = [NORTH.attest(HONEST), posing.attest(HONEST)]
    assert judge(HONEST, valid(said, LISTED)).domains == ("north",)


def test_an_attestation_renamed_to_another_domain_or_key_does_not_hold() -> None:
    said = NORTH.attest(HONEST)
    assert not holds(replace(said, domain="south"), LISTED)
    assert not holds(replace(said, evaluator=NORTH_TOO.public_key), LISTED)
    assert not holds(replace(said, domain="south", evaluator=SOUTH.public_key), LISTED)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_signature_is_worth_nothing_for_anything_else(change: dict[str, object]) -> None:
    """Replays: the attestation of another job, step, plan, set of weights or ciphertext, relabelled."""
    other = replace(HONEST, **change)  # type: ignore[arg-type]
    assert not holds(replace(SOUTH.attest(HONEST), evaluation=other), LISTED)
    assert not judge(other, valid([NORTH.attest(other), SOUTH.attest(HONEST)], LISTED)).confirmed


@given(position=st.integers(0, 511))
def test_every_bit_of_a_signature_counts(position: int) -> None:
    said = SOUTH.attest(HONEST)
    flipped = bytearray(said.signature)
    flipped[position // 8] ^= 1 << (position % 8)
    assert not holds(replace(said, signature=bytes(flipped)), LISTED)


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"x" * 63])
def test_no_signature_is_no_signature(signature: bytes) -> None:
    assert not holds(replace(SOUTH.attest(HONEST), signature=signature), LISTED)


@pytest.mark.parametrize("name", ["weights_digest", "ciphertext_digest", "plan_digest"])
def test_two_that_differ_confirm_nothing_and_are_named(name: str) -> None:
    other = replace(HONEST, **{name: digest(9)})
    verdict = judge(HONEST, [NORTH.attest(HONEST), SOUTH.attest(other)])
    assert not verdict.confirmed
    assert verdict.others == (("south", other.ciphertext_digest),)


def test_two_that_agree_do_not_outvote_a_third() -> None:
    said = [NORTH.attest(HONEST), SOUTH.attest(HONEST), NORTH_TOO.attest(replace(HONEST, ciphertext_digest=digest(9)))]
    assert not judge(HONEST, valid(said, LISTED)).confirmed


def test_what_is_about_another_step_is_no_contradiction() -> None:
    elsewhere = Attestation(replace(HONEST, step=2, ciphertext_digest=digest(9)), "south", SOUTH.public_key, b"")
    assert judge(HONEST, [elsewhere]).others == ()


def test_a_statement_is_spelled_in_one_way() -> None:
    """Other implementations must be able to make the bytes that are signed."""
    assert statement(HONEST, "north", "ab" * 32) == (
        f'{{"ciphertext_digest":"{digest(3)}","domain":"north","evaluator":"{"ab" * 32}",'
        f'"format":"secure-ds/evaluation/1","job_id":"job_a","plan_digest":"{digest(1)}","step":3,'
        f'"weights_digest":"{digest(2)}"}}'.encode()
    )
