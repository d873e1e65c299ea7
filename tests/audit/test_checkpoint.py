"""Checkpoints: three lines, one reading, and no two that contradict each other."""

import pytest

from audit.checkpoint import Checkpoint, open_checkpoint, require_growth, sign_checkpoint, unverified_checkpoint
from audit.errors import CheckpointConflict, InvalidCheckpoint
from audit.merkle import EMPTY_ROOT
from audit.note import NoteSigner, sign_note
from tests.audit.support import ORIGIN, SealedLog, ecdsa_signer, ed25519_signer

ROOT = bytes(range(32))
GOLDEN_BODY = "audit.example/log\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
GOLDEN_NOTE = (
    GOLDEN_BODY + "\n\u2014 audit.example/log "
    "Nb61OnbgK5SzZ/QQm9TClJ8jXZ8BTavVUgxfwEUEWeRJy/2xYSfmz/7l67lblESkKS39uo7G/NrM6U2TbY6zW0k0awg=\n"
)


def test_golden_body() -> None:
    assert Checkpoint(ORIGIN, 42, ROOT).body() == GOLDEN_BODY
    assert Checkpoint.parse(GOLDEN_BODY) == Checkpoint(ORIGIN, 42, ROOT)


def test_golden_note() -> None:
    assert sign_checkpoint(Checkpoint(ORIGIN, 42, ROOT), ed25519_signer()).note == GOLDEN_NOTE


def test_the_example_of_the_specification_is_read() -> None:
    body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(body)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.body() == body


@pytest.mark.parametrize(
    "body",
    [
        "",
        GOLDEN_BODY.rstrip("\n"),
        GOLDEN_BODY + "extension\n",
        GOLDEN_BODY + "\n",
        GOLDEN_BODY.replace("42", "042"),
        GOLDEN_BODY.replace("42", "+42"),
        GOLDEN_BODY.replace("42", "-1"),
        GOLDEN_BODY.replace("42", "٤٢"),
        GOLDEN_BODY.replace("42", "9" * 19),
        GOLDEN_BODY.replace("42", "9" * 30),
        GOLDEN_BODY.replace("Hh8=", "Hh9="),  # other bits behind the last byte
        GOLDEN_BODY.replace("AAEC", "A*EC"),
        GOLDEN_BODY.replace("AAEC", ""),
        GOLDEN_BODY.replace("audit.example/log", ""),
        GOLDEN_BODY.replace("audit.example/log", "two words"),
        GOLDEN_BODY.replace("audit.example/log", "a+b"),
        GOLDEN_BODY.replace("\n", "\r\n"),
    ],
)
def test_any_other_body_is_refused(body: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        Checkpoint.parse(body)


@pytest.mark.parametrize("signer", [ed25519_signer(), ecdsa_signer()], ids=["ed25519", "ecdsa"])
def test_what_is_signed_is_opened(signer: NoteSigner) -> None:
    signed = sign_checkpoint(Checkpoint(ORIGIN, 42, ROOT), signer)
    assert open_checkpoint(signed.note, [signer.key], ORIGIN) == signed
    assert unverified_checkpoint(signed.note) == signed.checkpoint


def test_only_a_key_of_the_log_signs_for_it() -> None:
    witness, log = ed25519_signer(b"\x01" * 32, "witness"), ed25519_signer()
    with pytest.raises(InvalidCheckpoint, match="does not sign for"):
        sign_checkpoint(Checkpoint(ORIGIN, 42, ROOT), witness)
    with pytest.raises(InvalidCheckpoint, match="no trusted key"):
        open_checkpoint(sign_note(GOLDEN_BODY, witness), [witness.key, log.key], ORIGIN)
    with pytest.raises(InvalidCheckpoint):
        open_checkpoint(sign_note(GOLDEN_BODY, log), [log.key], "audit.example/other")
    foreign = sign_note(GOLDEN_BODY.replace("/log", "/other"), log)
    with pytest.raises(InvalidCheckpoint, match="of the log"):
        open_checkpoint(foreign, [log.key], ORIGIN)


def test_growth_must_be_shown() -> None:
    sealed = SealedLog()
    sealed.record(5)
    older = sealed.log.next_checkpoint(ORIGIN)
    sealed.record(4)
    newer = sealed.log.next_checkpoint(ORIGIN)
    proof = sealed.log.consistency_proof(5, 9)
    require_growth(older, newer, proof)
    require_growth(older, older, ())
    require_growth(Checkpoint(ORIGIN, 0, EMPTY_ROOT), newer, ())
    rewritten = Checkpoint(ORIGIN, 5, ROOT)
    for before, after, shown in (
        (older, newer, proof[:-1]),
        (newer, older, proof),
        (rewritten, newer, proof),
        (older, Checkpoint(ORIGIN, 9, ROOT), proof),
        (older, rewritten, ()),
        (older, Checkpoint("audit.example/other", 9, newer.root), proof),
    ):
        with pytest.raises(CheckpointConflict):
            require_growth(before, after, shown)
