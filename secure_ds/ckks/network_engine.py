"""Layers on ciphertexts: the engine, with linear maps as matrix products on residues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from secure_ds.ckks import memory_io
from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.format import residues, residues_offset
from secure_ds.ckks.key_files import RELIN
from secure_ds.ckks.layers.linear_map import LinearMap
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.layers.tensors import Tensor
from secure_ds.ckks.network import Network
from secure_ds.ckks.network_circuit import compile_network, forward
from secure_ds.ckks.network_planner import NetworkPlan
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.residue_products import combine_residues


class NetworkEngine(Engine):
    """Arithmetic on ciphertexts of one key, as layers want it. Needs the one key `relin`."""

    def __init__(self, parameters: Parameters, relin: bytes) -> None:
        """Load the key.

        Args:
            parameters: the CKKS parameters.
            relin: relinearisation keys over the whole chain, checked.
        """
        super().__init__(parameters, {RELIN: relin}, names=(RELIN,))

    def combine(self, inputs: Sequence[Ciphertext], linear: LinearMap, scale: float) -> list[Ciphertext]:
        """Return the integer combinations of the inputs, read at `scale`. Exact; the same bytes on every machine."""
        level, size = self.level(inputs[0]), int(inputs[0].size())
        files = [memory_io.save(value) for value in inputs]
        rows = [residues(data, self.parameters, level, size=size) for data in files]
        head = files[0][: residues_offset()]
        combined = combine_residues(rows, linear, self.parameters.data_primes[: level + 1])
        results = [self.load(head + words.tobytes()) for words in combined]
        for result in results:
            result.scale = scale
        return results

    def note_polynomial(self, value: Ciphertext, argument: Ciphertext, polynomial: Polynomial) -> Ciphertext:
        """Return the value."""
        return value


def evaluate(engine: NetworkEngine, network: Network, plan: NetworkPlan, inputs: Iterable[bytes]) -> list[bytes]:
    """Return the files of a network's outputs, at the plan's output level and scale.

    Args:
        engine: arithmetic with the caller's key.
        network: the network.
        plan: the network's plan.
        inputs: one checked file per input number, seeded, at the top level and the plan's input scale.
    """
    steps = compile_network(network, plan.choices.weight_bits)
    values = tuple(engine.load(data) for data in inputs)
    x = Tensor(values, network.input_shape, plan.parameters.top_level, Fraction(plan.input_scale))
    return [engine.save(value) for value in forward(engine, plan.choices.ladder, steps, x).values]
