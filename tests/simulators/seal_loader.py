"""A process of its own that lets SEAL load files and compute with them: if they kill it, nobody else dies.

Reads from standard input, per file: eight bytes of length, then the file. Every file is of the kind named on the
command line. Prints how many were loaded and used.
"""

import struct
import subprocess
import sys
from collections.abc import Iterable

from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.memory_io import load
from secure_ds.ckks.parameters import Parameters

Kind = str
KINDS = {"ciphertext": sealapi.Ciphertext, "relin": sealapi.RelinKeys, "galois": sealapi.GaloisKeys}


def run(kind: Kind, parameters: Parameters, valid_ciphertext: bytes, files: Iterable[bytes], element: int = 3):
    """Load `files` in a fresh process, use each with a valid ciphertext; return the completed process."""
    frames = b"".join(struct.pack("<Q", len(data)) + data for data in (valid_ciphertext, *files))
    bits = ",".join(map(str, parameters.coeff_modulus_bits))
    command = [sys.executable, "-m", __name__, kind, str(parameters.poly_modulus_degree), bits, str(element)]
    return subprocess.run(command, input=frames, capture_output=True, check=False, timeout=120)


def _frames() -> Iterable[bytes]:
    while header := sys.stdin.buffer.read(8):
        yield sys.stdin.buffer.read(struct.unpack("<Q", header)[0])


def _use(kind: Kind, evaluator, loaded, valid, element: int) -> None:
    result = sealapi.Ciphertext()
    if kind == "ciphertext":
        evaluator.multiply(loaded, valid, result)
        return
    if kind == "galois":
        evaluator.apply_galois(valid, element, loaded, result)
        return
    evaluator.square(valid, result)
    evaluator.relinearize_inplace(result, loaded)


def main(kind: Kind, degree: str, bits: str, element: str) -> None:
    """Load and use every file on standard input."""
    context = seal_context(Parameters.from_bits(int(degree), tuple(int(size) for size in bits.split(","))))
    evaluator, frames, used = sealapi.Evaluator(context), iter(_frames()), 0
    valid = sealapi.Ciphertext()
    load(valid, context, next(iter(frames)))
    for data in frames:
        loaded = KINDS[kind]()
        load(loaded, context, data)
        _use(kind, evaluator, loaded, valid, int(element))
        used += 1
    print(used)


if __name__ == "__main__":
    main(*sys.argv[1:])
