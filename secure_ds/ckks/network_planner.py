"""Plans of networks on ciphertexts: ring, primes and scales, and a proven error, before anything is encrypted.

Rules kept here:
  1. A plan is three choices (parameters, bits of the scales) and what follows from them: `check_choices` runs the very
     code of the circuit on bounds (`layers.bound_arithmetic`). A plan that was handed over is computed again.
  2. A plan exists only where nothing can wrap around for any inputs in the declared range, and where every output is
     proven to be within `max_error` of the network's as described, except with probability 2**-40 over keys and
     encryption. Otherwise `PlanRefused` names the rule, what is needed and what there is.
  3. The planner takes the cheapest ring and chain for which the proof goes through.

The search first runs the circuit over invented primes (`SketchLadder`), which tells how many bits each rescaling and
each level needs, and then over real ones of those sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from secure_ds.ckks.errors import InvalidParameters, PlanRefused
from secure_ds.ckks.format import ciphertext_bytes, relin_keys_bytes, seeded_ciphertext_bytes
from secure_ds.ckks.layers.bound_arithmetic import BoundArithmetic, Bounded
from secure_ds.ckks.layers.ladder import PrimeLadder, SketchLadder
from secure_ds.ckks.layers.tensors import Tensor
from secure_ds.ckks.network import Network
from secure_ds.ckks.network_circuit import Step, compile_network, forward, through
from secure_ds.ckks.parameters import HE_STANDARD_2018_BITS, MAX_PRIME_BITS, SECURITY_MARGIN_BITS, Parameters
from secure_ds.ckks.slot_noise import SlotNoise

PLAN_FORMAT = "secure-ds/ckks-network-plan/1"
_WEIGHT_BITS = (14, 20, 26)
_WORKING_BITS = (40, 50, 60)
_LEAST_INPUT_BITS = 24
_LEAST_PRIME_BITS = 30
_SPARE_BITS = 0.5  # primes are a little less than the power of two they are named for


@dataclass(frozen=True)
class Choices:
    """What a plan is made from.

    Attributes:
        parameters: the CKKS parameters.
        input_bits: inputs are encrypted at scale 2**input_bits.
        weight_bits: weights are whole numbers over 2**weight_bits.
        working_bits: scale kept before multiplications, see `layers.ladder`.
    """

    parameters: Parameters
    input_bits: int
    weight_bits: int
    working_bits: int

    @property
    def ladder(self) -> PrimeLadder:
        """The rule by which the circuit drops primes."""
        return PrimeLadder(self.parameters, self.working_bits)


@dataclass(frozen=True)
class NetworkPlan:
    """One network, planned. Make it with `plan_network` or `check_choices`.

    Attributes:
        choices: what it was made from.
        n_inputs: ciphertexts of a batch.
        n_outputs: ciphertexts of the answer.
        output_level: level of the answer.
        output_scale: scale of the answer.
        error: proven bound on the distance of any output to the network's as described.
        largest_output: bound on any output.
    """

    choices: Choices
    n_inputs: int
    n_outputs: int
    output_level: int
    output_scale: float
    error: float
    largest_output: float

    @property
    def parameters(self) -> Parameters:
        """The CKKS parameters."""
        return self.choices.parameters

    @property
    def input_scale(self) -> float:
        """Scale at which inputs are encrypted, at the top level."""
        return math.ldexp(1.0, self.choices.input_bits)

    @property
    def batch(self) -> int:
        """Records of one request: one per slot."""
        return self.parameters.slots

    @property
    def input_bytes(self) -> int:
        """Size of one input ciphertext, seeded."""
        return seeded_ciphertext_bytes(self.parameters, self.parameters.top_level)

    @property
    def output_bytes(self) -> int:
        """Size of one output ciphertext."""
        return ciphertext_bytes(self.parameters, self.output_level)

    @property
    def key_bytes(self) -> int:
        """Size of the one evaluation key: relinearisation over the whole chain."""
        return relin_keys_bytes(self.parameters)

    def to_json(self) -> dict[str, object]:
        """Return the choices as JSON; the rest follows from them and the network."""
        return {
            "format": PLAN_FORMAT,
            "parameters": self.parameters.to_json(),
            "input_bits": self.choices.input_bits,
            "weight_bits": self.choices.weight_bits,
            "working_bits": self.choices.working_bits,
        }


def plan_from_json(value: object, network: Network) -> NetworkPlan:
    """Plan again from what `NetworkPlan.to_json` wrote.

    Raises:
        PlanRefused: not a plan (``not_a_plan``), or one that does not hold for this network (see `check_choices`).
    """
    return check_choices(network, choices_from_json(value))


def choices_from_json(value: object) -> Choices:
    """Read a plan's choices without planning.

    Raises:
        PlanRefused: ``not_a_plan``.
    """
    names = ("input_bits", "weight_bits", "working_bits")
    try:
        if not isinstance(value, dict) or value.keys() != {"format", "parameters", *names}:
            raise TypeError("not an object with exactly the fields of a plan")
        bits = [value[name] for name in names]
        if value["format"] != PLAN_FORMAT or not all(type(number) is int and 1 <= number <= 64 for number in bits):
            raise ValueError(f"format {PLAN_FORMAT} and bits of 1 to 64")
        return Choices(Parameters.from_json(value["parameters"]), *bits)
    except (TypeError, ValueError) as error:
        raise PlanRefused("not_a_plan", f"not a plan in the form {PLAN_FORMAT}: {error}") from error


def check_choices(network: Network, choices: Choices) -> NetworkPlan:
    """Prove a plan, or say what is missing.

    Raises:
        PlanRefused: `reason` is one of ``too_few_levels``, ``no_head_room``, ``outside_interval``, ``dead_output``.
    """
    needed, present = network.levels, len(choices.parameters.data_primes)
    if present < needed:
        raise PlanRefused("too_few_levels", f"this network needs {needed} levels, the parameters have {present}")
    noise = SlotNoise(choices.parameters, network.n_inputs)
    arithmetic = BoundArithmetic(noise)
    steps = compile_network(network, choices.weight_bits)
    x = _fresh(arithmetic, network, choices.parameters.top_level, choices.input_bits)
    result = forward(arithmetic, choices.ladder, steps, x)
    largest = max(value.largest for value in result.values)
    error = max(value.error for value in result.values) + noise.decoding(largest)
    return NetworkPlan(
        choices, network.n_inputs, network.n_outputs, result.level, float(result.scale), _round_up(error), largest
    )


def plan_network(network: Network, *, max_error: float, max_degree: int = 32768) -> NetworkPlan:
    """Find the cheapest plan whose proven error is at most `max_error`.

    Args:
        network: the network, with the range of its inputs.
        max_error: largest error of any output, in the outputs' own units.
        max_degree: largest ring degree N to consider.

    Raises:
        PlanRefused: there is none; ``too_large`` (with the bits that are missing), ``imprecise`` or, for whatever no
            choice could cure, ``outside_interval`` or ``dead_output``.
    """
    best, refusal = math.inf, None
    for choices in _candidates(network, max_degree):
        try:
            plan = check_choices(network, choices)
        except PlanRefused as error:
            refusal = error
            continue
        if plan.error <= max_error:
            return plan
        best = min(best, plan.error)
    if refusal is not None and math.isinf(best):
        raise refusal
    raise PlanRefused("imprecise", f"the best proven error is {best:.3g}, {max_error:.3g} wanted: allow more")


def _candidates(network: Network, max_degree: int) -> Iterator[Choices]:
    """Yield legal choices, cheapest first: by the words of a ciphertext, then by the bits of the modulus."""
    sketches = list(_sketches(network))
    found = [(degree, sketch) for sketch in sketches for degree in _smallest_degree(sketch.sizes, max_degree)]
    if not found:
        limit = HE_STANDARD_2018_BITS[max_degree] - SECURITY_MARGIN_BITS
        least = min(sum(sketch.sizes) for sketch in sketches)
        raise PlanRefused(
            "too_large", f"this network needs {least} bits of modulus at least, N = {max_degree} allows {limit}"
        )
    for degree, sketch in sorted(found, key=lambda item: (item[0] * len(item[1].sizes), sum(item[1].sizes))):
        try:
            parameters = Parameters.from_bits(degree, sketch.sizes)
        except InvalidParameters:
            continue  # there are too few primes of some size
        yield Choices(parameters, sketch.input_bits, sketch.weight_bits, sketch.working_bits)


class _Sketch(NamedTuple):
    """Bits of scales, and of the primes they ask for (special one last)."""

    input_bits: int
    weight_bits: int
    working_bits: int
    sizes: tuple[int, ...]


def _sketches(network: Network) -> Iterator[_Sketch]:
    for weight_bits in _WEIGHT_BITS:
        steps = compile_network(network, weight_bits)
        for working_bits in _WORKING_BITS:
            for input_bits in sorted({max(working_bits - weight_bits, _LEAST_INPUT_BITS), min(working_bits, 50)}):
                sizes = _prime_sizes(network, steps, input_bits, working_bits)
                yield _Sketch(input_bits, weight_bits, working_bits, sizes)


def _prime_sizes(network: Network, steps: tuple[Step, ...], input_bits: int, working_bits: int) -> tuple[int, ...]:
    """Run the circuit over invented primes; return the sizes that it takes, q_0 first, special prime last."""
    ladder, arithmetic = SketchLadder(working_bits), BoundArithmetic(None)
    through(arithmetic, ladder, steps, _fresh(arithmetic, network, 0, input_bits))
    dropped = ladder.dropped
    base = max(bits - sum(dropped[-level:]) for level, bits in arithmetic.needed_bits.items())
    sizes = (*_even_sizes(math.ceil(base + _SPARE_BITS), network.levels - len(dropped)), *reversed(dropped))
    return (*sizes, max(sizes))


def _even_sizes(bits: int, least_count: int) -> tuple[int, ...]:
    """Split the bits of the lowest primes into as few as may be, all of about one size."""
    count = max(-(-bits // MAX_PRIME_BITS), least_count, 1)
    return tuple(max(bits // count + (index < bits % count), _LEAST_PRIME_BITS) for index in range(count))


def _smallest_degree(sizes: tuple[int, ...], max_degree: int) -> list[int]:
    """Return the smallest degree with room for primes of these sizes, if there is one."""
    allowed = (d for d, limit in HE_STANDARD_2018_BITS.items() if sum(sizes) <= limit - SECURITY_MARGIN_BITS)
    return [degree for degree in sorted(allowed) if degree <= max_degree][:1]


def _fresh(arithmetic: BoundArithmetic, network: Network, level: int, input_bits: int) -> Tensor[Bounded]:
    scale = math.ldexp(1.0, input_bits)
    low, high = min(network.low, 0.0), max(network.high, 0.0)  # slots without a record hold zero, and must not wrap
    value = arithmetic.fresh(low, high, level, scale)
    return Tensor((value,) * network.n_inputs, network.input_shape, level, Fraction(scale))


def _round_up(value: float) -> float:
    """Round a positive bound up to 20 significant bits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(math.ldexp(mantissa, 20)) + 1, exponent - 20)
