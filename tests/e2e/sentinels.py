"""Find traces of records and secrets in bytes, in whatever encoding they may have leaked.

Every trace is reduced to strings of eight bytes, so that one pass over the bytes finds all of them at any offset:

- a float64, little- and big-endian; a 64-bit integer at the scale of encryption;
- two float32 or four float16 that follow each other in a row or a column;
- decimal text with seven digits or more, positional or scientific; hexadecimal floats;
- any of these inside base64 or hexadecimal text.

Eight bytes come about by chance in 50 MB with probability below 1e-5, the weakest being decimal text. Two kinds are
weaker: integers, for residues of ciphertexts have as many bits as they; and float64 on the grid of the feature maps,
which are five zero bytes and three others, for residues of 34 bits have four zero bytes: in 1.2 GB of uniform residues
five of 344 came about. Two different ones in the same piece do not. So in a long piece a lone weak trace is not
counted; a record has several.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey

WIDTH = 8
SHORTEST_DIGITS = 7
LONG_PIECE = 1 << 16  # bytes; what holds residues is longer, and in less nothing comes about by chance
WEAK = "weak "
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}")


@dataclass(frozen=True)
class Sentinels:
    """What must leave no trace: patterns of eight bytes, each with its name."""

    patterns: dict[bytes, str]

    def __post_init__(self) -> None:
        assert all(len(pattern) == WIDTH for pattern in self.patterns)

    def find(self, data: bytes) -> list[str]:
        """Return the names of the patterns found, in the bytes or in what text in them encodes."""
        return sorted({name for piece in (data, *_decoded(data)) for name in self._counted(piece)})

    def _counted(self, piece: bytes) -> set[str]:
        """Leave out a weak trace that is alone in a long piece: see above."""
        names = set(self._find_plain(piece))
        weak = {name for name in names if name.startswith(WEAK)}
        return names - weak if len(weak) == 1 and len(piece) > LONG_PIECE else names

    @cached_property
    def _keys(self) -> npt.NDArray[np.uint64]:
        return np.unique(np.frombuffer(b"".join(self.patterns), dtype="<u8"))

    @cached_property
    def _likely(self) -> npt.NDArray[np.bool_]:
        """By the lower half of a word: whether any pattern has it. Leaves few words to look up."""
        likely = np.zeros(1 << 16, dtype=bool)
        likely[self._keys & 0xFFFF] = True
        return likely

    def _find_plain(self, data: bytes) -> Iterator[str]:
        for offset in range(min(WIDTH, len(data) - WIDTH + 1)):
            count = (len(data) - offset) // WIDTH
            words = np.frombuffer(data, dtype="<u8", count=count, offset=offset)
            candidates = words[self._likely[words & 0xFFFF]]
            for word in candidates[np.isin(candidates, self._keys)]:
                yield self.patterns[word.tobytes()]


def record_traces(values_ND: npt.NDArray[np.float64], scale: float) -> dict[bytes, str]:
    """Patterns of every number of a matrix, by row and by column, on their own or beside their neighbours."""
    patterns: dict[bytes, str] = {}
    for value in values_ND.ravel().tolist():
        patterns |= {code: f"{kind} {value!r}" for kind, code in _encodings(value, scale)}
    for lines in (values_ND, values_ND.T):
        for kind, count in (("f4", 2), ("f2", 4)):
            for order in "<>":
                for line in lines:
                    patterns |= {code: f"{order}{kind} run" for code in _runs(line.astype(f"{order}{kind}"), count)}
    return {code: name for code, name in patterns.items() if len(set(code)) > 3}


def secret_traces(packed: bytes, parameters: Parameters) -> dict[bytes, str]:
    """Patterns of a CKKS secret key: its packed form, and the beginning of its evaluations modulo each prime."""
    body = packed[6:]
    patterns = {body[i : i + WIDTH]: "packed secret key" for i in range(len(body) - WIDTH + 1)}
    key = SecretKey.from_bytes(packed)
    for prime in parameters.primes:
        evaluations = key.evaluations(prime)[:64].astype("<u8")
        patterns |= {word.tobytes(): "secret key as SEAL keeps it" for word in evaluations}
    return patterns


def text_traces(text: str, name: str) -> dict[bytes, str]:
    """Patterns of a PIN or a token: each eight characters of it."""
    data = text.encode()
    return {data[i : i + WIDTH]: name for i in range(len(data) - WIDTH + 1)}


def _encodings(value: float, scale: float) -> Iterator[tuple[str, bytes]]:
    for order in "<>":
        code = np.array(value, dtype=f"{order}f8").tobytes()
        yield f"{WEAK if code.count(0) >= 5 else ''}{order}f8", code
        yield f"{WEAK}{order}i8", np.array(round(value * scale), dtype=f"{order}i8").tobytes()
    for count in (SHORTEST_DIGITS, 17):
        yield from (("decimal", text) for text in _decimal(f"{abs(value):.{count}f}"))
        yield from (("scientific", text) for text in _decimal(f"{abs(value):.{count - 1}e}"))
    digits = value.hex().split(".")[1].partition("p")[0].rstrip("0")
    if len(digits) >= WIDTH:  # on the grid of the feature maps there are three, which come about by chance
        yield "hexadecimal", digits[:WIDTH].encode()


def _decimal(text: str) -> Iterator[bytes]:
    """The point with seven digits after it, or with one before and six after."""
    point = text.index(".")
    yield text[point : point + WIDTH].encode()
    yield text[point - 1 : point - 1 + WIDTH].encode()


def _runs(line: npt.NDArray[np.floating], count: int) -> Iterator[bytes]:
    for start in range(len(line) - count + 1):
        yield line[start : start + count].tobytes()


def _decoded(data: bytes) -> Iterator[bytes]:
    """What base64 and hexadecimal text in the data stands for, wherever in a group of characters it may begin."""
    texts = [match[0].translate(_STANDARD) for match in _BASE64.finditer(data)]
    for start in range(4):
        yield b"\xff".join(base64.b64decode(text[start : start + (len(text) - start) // 4 * 4]) for text in texts)
    yield b"\xff".join(bytes.fromhex(match[0].decode()) for match in _HEX.finditer(data))


def find_in(sentinels: Sentinels, named: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return every (place, trace) in pieces that have names; of equal pieces only the first is looked at."""
    distinct = {data: place for place, data in reversed(list(named))}
    return [(place, trace) for data, place in distinct.items() for trace in sentinels.find(data)]
