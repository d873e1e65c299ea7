"""Private keys are written once, for their owner's eyes, and read back as what they are."""

from pathlib import Path

import pytest

from secure_ds.core.private_keys import (
    PrivateKeyUnusable,
    load_private_key,
    load_sealing_key,
    make_private_key,
    make_sealing_key,
    public_hex,
    public_point,
)


def test_keys_of_both_kinds_are_read_back(tmp_path: Path) -> None:
    signing, sealing = make_private_key(tmp_path / "a"), make_sealing_key(tmp_path / "b")
    assert public_hex(load_private_key(tmp_path / "a")) == public_hex(signing)
    assert public_point(load_sealing_key(tmp_path / "b")) == public_point(sealing)
    assert public_point(sealing).startswith("04")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in "ab"} == {0o600}


def test_one_kind_is_not_taken_for_the_other(tmp_path: Path) -> None:
    make_private_key(tmp_path / "a")
    make_sealing_key(tmp_path / "b")
    with pytest.raises(PrivateKeyUnusable, match="another kind"):
        load_sealing_key(tmp_path / "a")
    with pytest.raises(PrivateKeyUnusable, match="another kind"):
        load_private_key(tmp_path / "b")


def test_a_sealing_key_is_never_overwritten_nor_read_where_others_may(tmp_path: Path) -> None:
    make_sealing_key(tmp_path / "a")
    with pytest.raises(PrivateKeyUnusable):
        make_sealing_key(tmp_path / "a")
    (tmp_path / "a").chmod(0o644)
    with pytest.raises(PrivateKeyUnusable, match="chmod 600"):
        load_sealing_key(tmp_path / "a")
