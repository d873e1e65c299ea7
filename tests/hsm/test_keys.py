"""States follow from records; errors keep their codes; capabilities say what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsm import errors
from hsm.errors import CapabilityMissing, HsmError
from hsm.keys import Algorithm, Capabilities, KeyRecord, KeyState, refs_of


@given(alive=st.lists(st.booleans(), min_size=1, max_size=8), shuffle=st.randoms(use_true_random=False))
def test_states(alive: list[bool], shuffle: object) -> None:
    records = [
        KeyRecord("key", version, Algorithm.AES256_KW, bytes([version]) * 16, alive=lives)
        for version, lives in enumerate(alive, start=1)
    ]
    shuffle.shuffle(records)  # type: ignore[attr-defined]
    refs = refs_of(records)
    assert [ref.version for ref in refs] == list(range(1, len(alive) + 1))
    assert [ref.state is not KeyState.DESTROYED for ref in refs] == alive
    assert all(ref.state is not KeyState.ACTIVE for ref in refs[:-1])
    assert refs[-1].state is not KeyState.RETIRING


def test_capabilities_name_what_is_missing() -> None:
    poor = Capabilities("the token poor", secure=True, algorithms=frozenset({Algorithm.AES256_KW}))
    poor.require([Algorithm.AES256_KW])
    with pytest.raises(CapabilityMissing, match="the token poor lacks ecdh-p256, ed25519"):
        poor.require([Algorithm.ED25519, Algorithm.AES256_KW, Algorithm.ECDH_P256])


def test_every_error_has_its_own_code() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HsmError)]
    codes = [kind.code for kind in classes]
    assert len(set(codes)) == len(codes) > 20
    assert all(code == code.lower() and code.isidentifier() for code in codes)
