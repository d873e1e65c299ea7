"""Signed notes against notes that others signed, and against everything that must not pass for one."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InvalidCheckpoint
from audit.note import NoteSigner, VerifierKey, open_note, sign_note, unverified_text
from tests.audit import vectors
from tests.audit.support import ecdsa_signer, ed25519_signer

GO_NOTE = vectors.GO_TEXT + "\n" + vectors.GO_SIGNATURE


def test_the_note_of_the_go_reference_is_opened_and_made() -> None:
    key = VerifierKey.parse(vectors.GO_KEY)
    assert open_note(GO_NOTE, [key]) == (vectors.GO_TEXT, (key,))
    private = Ed25519PrivateKey.from_private_bytes(vectors.GO_SEED)
    signer = NoteSigner(VerifierKey("PeterNeumann", private.public_key()), private.sign)
    assert str(signer.key) == vectors.GO_KEY
    assert sign_note(vectors.GO_TEXT, signer) == GO_NOTE


def test_a_checkpoint_that_rekor_published_is_opened() -> None:
    key = VerifierKey.parse(vectors.REKOR_KEY)
    text, signers = open_note(vectors.REKOR_NOTE, [key])
    assert text == "Rekor\n798034\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n"
    assert signers == (key,)
    assert str(key) == vectors.REKOR_KEY


@pytest.mark.parametrize("signer", [ed25519_signer(), ecdsa_signer()], ids=["ed25519", "ecdsa"])
def test_both_kinds_of_keys_sign(signer: NoteSigner) -> None:
    note = sign_note("a text\n\nof two paragraphs\n", signer)
    assert open_note(note, [signer.key])[0] == "a text\n\nof two paragraphs\n" == unverified_text(note)
    assert str(VerifierKey.parse(str(signer.key))) == str(signer.key)


def test_every_changed_character_is_refused() -> None:
    key = VerifierKey.parse(vectors.GO_KEY)
    for at, character in enumerate(GO_NOTE):
        changed = GO_NOTE[:at] + chr(ord(character) ^ 1) + GO_NOTE[at + 1 :]
        with pytest.raises(InvalidCheckpoint):
            open_note(changed, [key])


def test_spare_bits_of_base64_are_refused() -> None:
    assert GO_NOTE.endswith("JnAM=\n")
    with pytest.raises(InvalidCheckpoint, match="canonical"):
        open_note(GO_NOTE.replace("JnAM=", "JnAN="), [VerifierKey.parse(vectors.GO_KEY)])


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200))
def test_arbitrary_text_is_refused_with_the_one_error(text: str) -> None:
    for note in (text, f"{text}\n\n{vectors.GO_SIGNATURE}", f"{vectors.GO_TEXT}\n{text}\n"):
        with pytest.raises(InvalidCheckpoint):
            open_note(note, [VerifierKey.parse(vectors.GO_KEY)])


def test_unknown_signatures_are_ignored_and_known_ones_must_hold() -> None:
    log, witness, stranger = (
        ed25519_signer(),
        ed25519_signer(b"\x01" * 32, "witness"),
        ed25519_signer(b"\x02" * 32, "x"),
    )
    note = sign_note("text\n", log)
    for other in (witness, stranger):
        note += sign_note("text\n", other).removeprefix("text\n\n")
    assert open_note(note, [log.key, witness.key]) == ("text\n", (log.key, witness.key))
    assert open_note(note, [witness.key])[1] == (witness.key,)
    forged = sign_note("text\n", log) + sign_note("other\n", witness).removeprefix("other\n\n")
    assert open_note(forged, [log.key])[0] == "text\n"
    with pytest.raises(InvalidCheckpoint, match="witness"):
        open_note(forged, [log.key, witness.key])


def test_no_trusted_key_no_text() -> None:
    same_name = ed25519_signer(b"\x03" * 32).key
    for keys in ([], [same_name]):
        with pytest.raises(InvalidCheckpoint, match="no trusted key"):
            open_note(sign_note("text\n", ed25519_signer()), keys)


def test_sixteen_signatures_are_read_and_seventeen_are_not() -> None:
    signer = ed25519_signer()
    line = sign_note("text\n", signer).removeprefix("text\n\n")
    assert open_note("text\n\n" + line * 16, [signer.key])[0] == "text\n"
    with pytest.raises(InvalidCheckpoint, match="16"):
        open_note("text\n\n" + line * 17, [signer.key])


def test_a_signer_that_signs_wrongly_is_found_before_anybody_relies_on_it() -> None:
    key = ed25519_signer().key
    for sign in (ed25519_signer(b"\x09" * 32).sign, lambda data: b"", lambda data: bytes(64)):
        with pytest.raises(InvalidCheckpoint):
            sign_note("text\n", NoteSigner(key, sign))


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "nul\0\n", "carriage\r\n", "\ud800\n"])
def test_what_is_no_note_text_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        sign_note(text, ed25519_signer())


@pytest.mark.parametrize("at", range(len(vectors.GO_KEY)))
def test_every_cut_verifier_key_is_refused(at: int) -> None:
    with pytest.raises(InvalidCheckpoint):
        VerifierKey.parse(vectors.GO_KEY[:at])


@pytest.mark.parametrize("name", ["", "two words", "a+b", "new\nline", "no\u00a0break"])
def test_key_names_that_would_blur_a_signature_line_are_refused(name: str) -> None:
    with pytest.raises(InvalidCheckpoint, match="key name"):
        VerifierKey(name, ed25519_signer().key.public_key)


def test_other_keys_are_refused() -> None:
    p384 = generate_private_key(SECP384R1()).public_key()
    with pytest.raises(InvalidCheckpoint, match="P-256"):
        VerifierKey("x", p384)
    for blob in (b"", b"\x01short", b"\x02" + b"not der", b"\x03" + bytes(32)):
        with pytest.raises(InvalidCheckpoint):
            VerifierKey.parse(f"x+00000000+{b64encode(blob).decode()}")
