"""The search for traces finds every kind of trace: without this, finding nothing would mean nothing."""

import base64
import json

import numpy as np
import pytest

from secure_ds.ckks.keys import generate_secret_key
from secure_ds.ckks.profiles import FAST
from tests.e2e.sentinels import Sentinels, record_traces, secret_traces, text_traces

SCALE = 2.0**32
VALUES = np.random.default_rng(7).uniform(-1, 1, (6, 3))
RECORDS = Sentinels(record_traces(VALUES, SCALE))
NOISE = np.random.default_rng(8).bytes(1 << 20)
LEAKS = {
    "float64": VALUES[2].tobytes(),
    "float64, big-endian": VALUES[2].astype(">f8").tobytes(),
    "float32, a row": VALUES[2].astype("<f4").tobytes(),
    "float32, a column": VALUES[:, 1].astype(">f4").tobytes(),
    "float16, a column": VALUES[:, 1].astype("<f2").tobytes(),
    "integers at the scale": np.rint(VALUES[2] * SCALE).astype("<i8").tobytes(),
    "JSON": json.dumps(VALUES[2].tolist()).encode(),
    "seven digits": f"{VALUES[2, 1]:.7f}".encode(),
    "nine digits": f"{VALUES[2, 1]:.9f}".encode(),
    "scientific": f"{VALUES[2, 1]:.8e}".encode(),
    "hexadecimal float": float(VALUES[2, 1]).hex().encode(),
    "base64": json.dumps(base64.b64encode(b"x" + VALUES.tobytes()).decode()).encode(),
    "hexadecimal": VALUES.tobytes().hex().encode(),
}


def test_noise_holds_no_trace() -> None:
    assert RECORDS.find(NOISE) == []
    assert RECORDS.find(base64.b64encode(NOISE)) == []


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_trace_is_found(leak: str) -> None:
    assert RECORDS.find(NOISE[:1003] + LEAKS[leak] + NOISE[1003:5000]) != []


def test_a_lone_number_of_the_grid_counts_where_it_cannot_come_about_by_chance() -> None:
    grid = np.array([[699.0, -1234.0, 3071.0]]) / 4096
    traces, (first, second, _) = Sentinels(record_traces(grid, SCALE)), (value.tobytes() for value in grid[0])
    assert traces.find(NOISE[:1003] + first + NOISE[1003:5000]) == ["weak <f8 0.170654296875"]
    assert traces.find(NOISE[:1003] + first + NOISE[1003:]) == []  # as five of 344 did in 1.2 GB of residues
    assert len(traces.find(NOISE[:1003] + first + NOISE[1003:2000] + second + NOISE[2000:])) == 2


def test_a_planted_secret_key_is_found() -> None:
    with generate_secret_key(FAST.parameters) as key:
        packed = key.to_bytes()
        seal_form = key.evaluations(FAST.parameters.primes[0]).astype("<u8").tobytes()
    secret = Sentinels(secret_traces(packed, FAST.parameters))
    assert secret.find(NOISE) == []
    assert secret.find(NOISE[:77] + packed[500:600]) == ["packed secret key"]
    assert secret.find(NOISE[:77] + seal_form[:800]) == ["secret key as SEAL keeps it"]


def test_a_planted_pin_is_found() -> None:
    pin = Sentinels(text_traces("vN3k-pin-of-a-token", "PIN"))
    assert pin.find(b'{"message": "login with vN3k-pin-of-a-token"}') == ["PIN"]
