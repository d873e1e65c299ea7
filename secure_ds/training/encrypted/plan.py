"""The plan of a job: circuit, mechanism and settings in one frozen value, computed alike by service and custodian.

Rules kept here:
1. A plan is a pure function of what the owners signed (`JobFacts`) and what was asked (`PlanRequest`). Reading one back
   plans again and refuses what differs (`planning`), so noise, scales and charges are never taken from anyone.
2. Sensitivity comes from the circuit's proof, noise from the larger of privacy and flooding, charges from both.
3. A plan that exists can run: levels, head-room, noise grid, decryptions and the owners' limits have been checked.
4. What follows from answers follows to the last bit on every machine, for the custodian computes it again: only
   operations that IEEE 754 defines exactly are used (elementwise NumPy, `fsum`, `sqrt`), no reduction of a library.

This is what all algorithms have in common; each has a package of its own beside this file, with its guarantee.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import PlanRefused
from secure_ds.core.digest import digest_bytes, digest_json
from secure_ds.privacy.gdp import epsilon_of
from secure_ds.privacy.mechanism import GaussianMechanism, NoNoise
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.release import Release
from secure_ds.training.encrypted.request import PlanRequest

FORMAT: Final = "secure-ds/encrypted-plan/2"
MAX_STEPS: Final = 4096
STATE_TAG: Final = b"secure-ds/weights/1\n"

FloatArray = npt.NDArray[np.float64]
Answers = Iterable[Sequence[int]]


@dataclass(frozen=True)
class EncryptedPlan(ABC):
    """A job, planned. Make it with `planning.make_plan`.

    Attributes:
        facts: what the owners signed.
        request: what was asked.
        mechanism: sensitivities, noise and charges.
    """

    algorithm: ClassVar[str]

    facts: JobFacts
    request: PlanRequest
    mechanism: GaussianMechanism | NoNoise

    @property
    def steps(self) -> int:
        """Number of steps, each one release."""
        return self.mechanism.steps

    @property
    def normaliser(self) -> int:
        """What sums are divided by: the public number of records."""
        return self.facts.n_records

    @property
    def sigma(self) -> float:
        """Deviation of the noise, in units of the released sums."""
        return self.mechanism.sigma

    @property
    def sensitivity(self) -> float:
        """The largest sensitivity of any step, for one person, in units of the released sums."""
        return max(self.mechanism.sensitivities)

    @property
    def dual_evaluation(self) -> bool:
        """Whether a step is answered only once two trust domains evaluated it alike: asked for, or required."""
        return self.request.dual_evaluation or self.facts.dual_evaluation_required

    @property
    def charges(self) -> tuple[int, ...]:
        """Cost of each step in units of 1e-12 mu^2."""
        return self.mechanism.charges

    @property
    def recipient(self) -> str | None:
        """The key that answers are sealed to, where they carry no noise; None where they are for everybody."""
        return None

    @property
    @abstractmethod
    def statistical_bits(self) -> float:
        """s: statistical security of all tau answers that the key may ever give, if all carry this job's noise."""

    @property
    @abstractmethod
    def levels(self) -> int:
        """Levels that the circuit needs."""

    @property
    @abstractmethod
    def answer_bytes(self) -> int:
        """Size of the ciphertexts of one step."""

    @property
    @abstractmethod
    def seconds_estimate(self) -> float:
        """How long the job will take, roughly; it changes nothing but a quote."""

    @property
    def evaluation_digest(self) -> str | None:
        """Digest of all that a step's ciphertexts follow from, where weights are no part of it; None where they are."""
        return None

    @abstractmethod
    def releases(self, step: int) -> tuple[Release, ...]:
        """Return the form of every ciphertext of a step."""

    @abstractmethod
    def state_after(self, answers: Answers) -> FloatArray:
        """Return the weights, flat, that follow from the first answers of the job. The same bits on every machine.

        Raises:
            ValueError: an answer does not have the integers that its releases have.
        """

    @abstractmethod
    def tensors_after(self, answers: Answers) -> tuple[str, Mapping[str, FloatArray]]:
        """Return the kind of the model, and its tensors by name, once all answers are there."""

    @abstractmethod
    def details(self) -> dict[str, Any]:
        """Return what the JSON form says of this algorithm: settings and circuit."""

    def epsilon_after(self, steps: int) -> float:
        """Return the epsilon, at the requested delta, of the first `steps` releases; after all of them at most what was
        asked, and less where flooding adds noise."""
        return epsilon_of(sum(self.charges[:steps]), self.request.delta, self.facts.distance)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: inputs first, then everything that follows from them, for readers and certificates."""
        return {
            "format": FORMAT,
            "facts": self.facts.to_json(),
            "request": asdict(self.request),
            **self.details(),
            "mechanism": self.mechanism.to_json(),
            "charges": [str(charge) for charge in self.charges],
            "tau": self.facts.tau,
            "dual_evaluation": self.dual_evaluation,
        }

    @cached_property
    def digest(self) -> str:
        """Digest of the canonical JSON form."""
        return digest_json(self.to_json())


def state_digest(state: FloatArray) -> str:
    """Return the digest string that binds a release to the weights it was computed at."""
    return digest_bytes(STATE_TAG + np.ascontiguousarray(state, dtype="<f8").tobytes())


def require(condition: bool, message: str) -> None:
    """Refuse a setting that is out of range. Raises `PlanRefused`, ``out_of_range``."""
    if not condition:
        raise PlanRefused("out_of_range", message)


def require_steps(facts: JobFacts, steps: int) -> None:
    """Refuse a number of steps that is senseless, or more than the key may ever answer.

    Raises:
        PlanRefused: ``out_of_range`` or ``too_many_steps``.
    """
    require(1 <= steps <= MAX_STEPS, f"steps must be 1 to {MAX_STEPS}, got {steps}")
    if steps > facts.max_decryptions:
        raise PlanRefused(
            "too_many_steps",
            f"{steps} steps, but the key may only ever decrypt {facts.max_decryptions} answers",
        )


def require_coordinates(facts: JobFacts, count: int) -> None:
    """Refuse a release of more numbers than the data sets' delta pays for.

    Raises:
        PlanRefused: ``too_many_numbers``.
    """
    if count > facts.coordinates:
        raise PlanRefused(
            "too_many_numbers", f"a release of {count} numbers, but the data set allows {facts.coordinates} at most"
        )
