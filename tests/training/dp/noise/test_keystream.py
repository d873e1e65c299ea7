"""The stream of one process: fresh, unrepeatable, and the same bytes on every device."""

import copy
import multiprocessing
import os
import pickle
from multiprocessing.connection import Connection

import pytest
import torch

from secure_ds.training.dp.noise import keystream
from secure_ds.training.dp.noise.chacha20 import chacha20_blocks
from secure_ds.training.dp.noise.keystream import Keystream

CPU = torch.device("cpu")


def test_openssl_and_torch_give_the_same_words() -> None:
    key, nonce = os.urandom(32), os.urandom(12)
    words = torch.frombuffer(keystream._openssl(key, nonce, 8 * 1000), dtype=torch.int64)
    assert torch.equal(words, chacha20_blocks(key, nonce, 0, 125, CPU).view(torch.int64).view(-1))


def test_words_on_another_device_are_those_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the CPU's short cut left out, as where there is CUDA."""
    monkeypatch.setattr(os, "urandom", lambda size: b"k" * size)
    expected = [Keystream().words(number, CPU) for number in (1, 7, 8, 9, 1000)]
    blocks = keystream.chacha20_blocks
    monkeypatch.setattr(keystream, "chacha20_blocks", lambda *given: blocks(*given[:4], CPU))
    for words in expected:
        assert torch.equal(words, Keystream().words(len(words), torch.device("meta")))


def test_no_word_comes_twice() -> None:
    """Chance makes this fail with probability below 2^-29: 4 * 50 000 words of 64 bits."""
    first, second = Keystream(), Keystream()
    words = torch.cat([each.words(50_000, CPU) for each in (first, first, second, second)])
    assert len(words.unique()) == len(words)


def test_torchs_seed_changes_nothing() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        drawn.append(Keystream().words(4, CPU))
    assert not torch.equal(*drawn)


def _child(stream: Keystream, answer: Connection) -> None:
    answer.send_bytes(stream.words(4, CPU).numpy().tobytes())


def test_a_forked_child_has_a_stream_of_its_own() -> None:
    stream = Keystream()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_child, args=(stream, there))
    process.start()
    child = here.recv_bytes()
    process.join()
    assert child != stream.words(4, CPU).numpy().tobytes()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_stream_cannot_be_copied(duplicate: object) -> None:
    with pytest.raises(TypeError, match="cannot be copied"):
        duplicate(Keystream())  # type: ignore[operator]


def test_the_key_is_not_shown() -> None:
    stream = Keystream()
    assert stream._key.hex() not in repr(stream)
    assert repr(stream._key) not in repr(stream)


def test_integers_are_of_the_size_asked_for() -> None:
    numbers = [Keystream().integer(24) for _ in range(64)]
    assert max(numbers) < 2**192
    assert max(numbers) > 2**185  # fails by chance with probability 2^-448
