"""What the trainer of a sealed job signs about the model it made: the custodian certifies no other.

Rules kept here:

1. A statement is bound to job, plan and session.
2. It carries what a one-run audit found, if the job asked for one: evidence and model come from one session.
3. It has one spelling, canonical JSON (RFC 8785).
"""

from typing import Annotated, Literal

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Evidence(_Closed):
    """What a one-run audit with canaries found.

    Attributes:
        canaries: how many there were, each in the training with probability 1/2.
        guesses: on how many of them the auditor said in or out.
        correct: how many of these guesses were right.
        epsilon_lower_bound: epsilon is at least that, at `confidence` and the plan's delta.
        confidence: probability with which the bound holds.
        effect: what the canaries did to the model, in words.
    """

    canaries: Count
    guesses: Count
    correct: Count
    epsilon_lower_bound: Annotated[float, Field(ge=0)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    effect: Annotated[str, Field(max_length=500)]


class ModelStatement(_Closed):
    """Which model a job made.

    Attributes:
        job_id: the job.
        plan_digest: digest of its plan.
        session_key: the trainer's P-256 session key, an uncompressed point in hexadecimal.
        weights: digest of the model file.
        evidence: what an audit found; None where the plan has none.
    """

    purpose: Literal["secure-ds/sealed-model/1"] = "secure-ds/sealed-model/1"
    job_id: str
    plan_digest: Digest
    session_key: str
    weights: Digest
    evidence: Evidence | None = None

    @property
    def statement(self) -> str:
        """The canonical JSON that is signed."""
        return rfc8785.dumps(self.model_dump(mode="json")).decode()

    def sign(self, signing_key: Ed25519PrivateKey) -> str:
        """Return the signature, hexadecimal; `secure_ds.jobs.settlement.signature_holds` checks it."""
        return signing_key.sign(self.statement.encode()).hex()


def read_model_statement(statement: str) -> ModelStatement:
    """Return what a statement says; whether it was signed is another question.

    Raises:
        ValueError: it is no such statement in its one spelling.
    """
    read = ModelStatement.model_validate_json(statement)
    if read.statement != statement:
        raise ValueError("a statement about a model must be canonical JSON (RFC 8785)")
    return read
