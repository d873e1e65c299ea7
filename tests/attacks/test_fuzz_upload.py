"""Mutated ciphertexts, keys and descriptors through the REST path of real processes: nothing dies, nothing slips in.

`FUZZ_MUTANTS` sets how many; 20,000 take some minutes. With `-s` the counts of all answers are printed.
"""

import base64
import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.core.principal import Role
from tests.attacks.fuzz import Fuzz, Original
from tests.e2e.live import LiveInstance, eventually

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "400"))
THROUGH_THE_WORKER = 5 + MUTANTS // 400
SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def live() -> Iterator[LiveInstance]:
    with LiveInstance() as instance:
        instance.start()
        yield instance


@pytest.fixture(scope="module")
def fuzz(live: LiveInstance) -> Fuzz:
    client = live.client("alice", Role.DATA_OWNER)
    point = base64.b64decode(client.public_keys().sealing_key)
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return Fuzz(live.supervisor.url, live.tokens[-1], Original(key), SEED)


@pytest.mark.slow
def test_mutants_meet_clear_refusals_and_what_is_left_meets_the_norm_check(live: LiveInstance, fuzz: Fuzz) -> None:
    before = process_ids(live)
    fuzz.unsigned(MUTANTS // 2)
    assert fuzz.sent == MUTANTS // 2
    assert not fuzz.valid
    fuzz.signed(MUTANTS - MUTANTS // 2)
    assert fuzz.sent >= MUTANTS
    print(*(f"{count:7} {answer}" for answer, count in sorted(fuzz.answers.items())), sep="\n")
    slipped = [name for name, data in fuzz.valid if passes(fuzz, name, data)]
    print(f"{len(fuzz.valid):7} well-formed mutants met the norm check, {len(slipped)} passed it: {set(slipped)}")
    assert set(slipped) <= {"galois_tail"}  # keys for rotations that the check itself does not use
    judged = [fuzz.complete(name, data) for name, data in spread(fuzz.valid)]
    assert {verdict(fuzz, dataset_id) for dataset_id in judged} == {"norm_check_failed"}
    print(f"{len(judged):7} of them through upload, worker and custodian: all refused")
    assert process_ids(live) == before
    assert verdict(fuzz, fuzz.complete("ciphertext", fuzz.original.columns[0])) == "ready"


def passes(fuzz: Fuzz, name: str, data: bytes) -> bool:
    """Whether a mutant passes the norm check's own code."""
    columns = list(fuzz.original.columns)
    if name == "ciphertext":
        return fuzz.original.passes_norm_check([data, *columns[1:]])
    return fuzz.original.passes_norm_check(columns, {name: data})


def spread(valid: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Some of the well-formed mutants, from all over, that the norm check can tell."""
    told = [each for each in valid if each[0] != "galois_tail"]
    return told[:: max(1, len(told) // THROUGH_THE_WORKER)][:THROUGH_THE_WORKER]


def verdict(fuzz: Fuzz, dataset_id: str) -> str:
    """How the upload check ends: ready, or the code of the refusal."""

    def settled() -> str | None:
        shown = fuzz.show(dataset_id)
        if shown["state"] == "checking":
            return None
        return str(shown["refusal"]["code"]) if shown["refusal"] else str(shown["state"])

    return eventually(settled, 60.0, f"the check of {dataset_id} ends")


def process_ids(live: LiveInstance) -> dict[str, int]:
    """The processes as they run now."""
    assert live.supervisor.revive() == []
    return {name: live.supervisor.process_id(name) for name in ("api", "worker", "custodian")}
