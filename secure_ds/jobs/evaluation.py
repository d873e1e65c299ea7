"""What workers attest about a step, and when two of them are enough. Pure: no I/O, no clock.

Rules:
    - An attestation is an Ed25519 signature over one canonical statement (RFC 8785): this job's step, under this plan,
      from these weights, evaluates to this ciphertext. For another job, step, plan, set of weights or ciphertext it
      is worth nothing, and it holds no time and no lease: repeating it changes nothing.
    - A step is confirmed by `WITNESSES` trust domains that attest the same. Keys of one domain count once; a key that
      is not listed, or listed for another domain than it claims, does not count.
    - Who evaluates the same inputs honestly gets the same bytes, so a second ciphertext that a listed evaluator attests
      for the same step is a conflict: somebody deviated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from secure_ds.core.evaluators import WITNESSES, Evaluators, distinct
from secure_ds.core.private_keys import public_hex

FORMAT: Final = "secure-ds/evaluation/1"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One step's evaluation: what it was computed for and from, and what came out. Digests are `sha256:` strings."""

    job_id: str
    step: int
    plan_digest: str
    weights_digest: str
    ciphertext_digest: str

    def is_of_the_same_step(self, other: "Evaluation") -> bool:
        """Whether both are about one step of one job, whatever they say of it."""
        return (self.job_id, self.step) == (other.job_id, other.step)


@dataclass(frozen=True, slots=True)
class Attestation:
    """An evaluation under an evaluator's signature (64 bytes); `evaluator` is its public key in hexadecimal."""

    evaluation: Evaluation
    domain: str
    evaluator: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class EvaluatorIdentity:
    """A worker's own key and the domain that it is listed for."""

    domain: str
    key: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        """How this evaluator is named everywhere."""
        return public_hex(self.key)

    def attest(self, evaluation: Evaluation) -> Attestation:
        """Sign an evaluation; the same one gets the same signature."""
        signature = self.key.sign(statement(evaluation, self.domain, self.public_key))
        return Attestation(evaluation, self.domain, self.public_key, signature)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What attestations amount to.

    Attributes:
        domains: those that attested exactly this evaluation, in order.
        others: what listed evaluators attested about the same step instead: (domain, ciphertext digest), in order.
    """

    domains: tuple[str, ...]
    others: tuple[tuple[str, str], ...]

    @property
    def confirmed(self) -> bool:
        """Whether enough domains agree and none differs."""
        return len(self.domains) >= WITNESSES and not self.others


def statement(evaluation: Evaluation, domain: str, evaluator: str) -> bytes:
    """The bytes that are signed."""
    return rfc8785.dumps(
        {
            "format": FORMAT,
            "job_id": evaluation.job_id,
            "step": evaluation.step,
            "plan_digest": evaluation.plan_digest,
            "weights_digest": evaluation.weights_digest,
            "ciphertext_digest": evaluation.ciphertext_digest,
            "domain": domain,
            "evaluator": evaluator,
        }
    )


def holds(attestation: Attestation, evaluators: Evaluators) -> bool:
    """Whether a listed evaluator of the named domain signed this."""
    if evaluators.domain_of(attestation.evaluator) != attestation.domain:
        return False
    signed = statement(attestation.evaluation, attestation.domain, attestation.evaluator)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(attestation.evaluator)).verify(attestation.signature, signed)
    except InvalidSignature:
        return False
    return True


def valid(attestations: Iterable[Attestation], evaluators: Evaluators) -> list[Attestation]:
    """Those attestations that hold; the others are nobody's word."""
    return [attestation for attestation in attestations if holds(attestation, evaluators)]


def judge(evaluation: Evaluation, attestations: Sequence[Attestation]) -> Verdict:
    """Hold attestations, whose signatures were checked or do not matter, against an evaluation."""
    about = [each for each in attestations if each.evaluation.is_of_the_same_step(evaluation)]
    others = {(each.domain, each.evaluation.ciphertext_digest) for each in about if each.evaluation != evaluation}
    return Verdict(
        domains=distinct(each.domain for each in about if each.evaluation == evaluation),
        others=tuple(sorted(others)),
    )
