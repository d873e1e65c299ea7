"""What every use case is handed: the parts it may use, wired once in `secure_ds.assembly`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from policies.decision import PolicyEngine
from secure_ds.core.clock import Clock
from secure_ds.core.evaluators import NOBODY, Evaluators
from secure_ds.core.resources import Resources
from secure_ds.jobs.evaluation import EvaluatorIdentity
from secure_ds.store.blobs import Blobs
from secure_ds.store.unit_of_work import Store
from secure_ds.wire.custodian import (
    Certificate,
    CertificateRequest,
    ConsentMessage,
    ConsentReceipt,
    CustodianHealth,
    DecryptionCount,
    Grant,
    GrantRequest,
    GroupCreation,
    GroupKeys,
    KeyRegistration,
    NormCheck,
    NormVerdict,
    Registered,
    StepAnswer,
    StepQuestion,
)
from secure_ds.wire.sealed import SealedCertificateRequest, SealedKeyRequest, SealedKeys, Settled, SettleSealed
from secure_ds.wire.service import PublicKeys


class Custody(Protocol):
    """What the service may ask of the key custodian. No method returns a secret key.

    Every method raises `CustodyRefused` (the custodian said no, with its code and reason) or `CustodyUnavailable`.
    """

    def create_group(self, message: GroupCreation) -> GroupKeys:
        """Have the keys of a collaboration made; its public files come back this once."""
        ...

    def consent(self, message: ConsentMessage) -> ConsentReceipt:
        """Hand over an owner's consent, or its withdrawal; repeating the same message changes nothing."""
        ...

    def register(self, message: KeyRegistration) -> Registered:
        """Hand over a data set's sealed secret key; repeating the same message changes nothing.

        Returns the rotation key as well, when the data set succeeds another one.
        """
        ...

    def grant(self, message: GrantRequest) -> Grant:
        """Ask for the use of a key for one job; the consent is signed and nothing is stored."""
        ...

    def check_norms(self, message: NormCheck) -> NormVerdict:
        """Ask whether a block's records are normalised."""
        ...

    def answer(self, message: StepQuestion) -> StepAnswer:
        """Ask for the noisy sums of one step."""
        ...

    def register_sealed(self, message: KeyRegistration) -> Registered:
        """Hand over a sealed data set's sealed data key; repeating the same message changes nothing."""
        ...

    def grant_sealed(self, message: GrantRequest) -> Grant:
        """Ask for the use of a data key for one sealed job; the consent is signed and nothing is stored."""
        ...

    def release_keys(self, message: SealedKeyRequest) -> SealedKeys:
        """Ask for a sealed job's data keys, sealed to its trainer: whoever asks cannot open them."""
        ...

    def certify_sealed(self, message: SealedCertificateRequest) -> Certificate:
        """Ask for the certificate of a model that a sealed job's trainer signed for."""
        ...

    def settle_sealed(self, message: SettleSealed) -> Settled:
        """Hand over what an ended job's trainer signed; the steps it did not use come back."""
        ...

    def certify(self, message: CertificateRequest) -> Certificate:
        """Ask for a model's certificate."""
        ...

    def checkpoint(self) -> int:
        """Have the present audit tree signed and stored; return its size."""
        ...

    def decryptions(self, dataset_id: str) -> DecryptionCount:
        """Ask how often a data set's key has decrypted."""
        ...

    def public_keys(self) -> PublicKeys:
        """Ask for the public keys that clients pin."""
        ...

    def health(self) -> CustodianHealth:
        """Ask for the state of the HSM and the list of its keys."""
        ...


class CustodyError(Exception):
    """Root of what the custodian's client raises."""


class CustodyRefused(CustodyError):
    """The custodian understood and said no."""

    def __init__(self, code: str, detail: str, remedy: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.remedy = remedy


class CustodyUnavailable(CustodyError):
    """The custodian, or its HSM, does not answer."""


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The parts a use case works with.

    Attributes:
        evaluators: the workers whose word counts in dual evaluation; the custodian has a list of its own.
        evaluator: who this worker is among them; None in the API, and in a worker that attests nothing.
        confirms_only: whether this worker does nothing but confirm what others train; it never asks the custodian.
        confirmation_seconds: how long a step waits for a worker of another domain.
        resources: processes and memory for evaluating a step; None for the evaluator's own choice.
        trainer: how fast sealed jobs are trained, never what: `secure_ds.training.dp.performance`, JSON.
    """

    store: Store
    blobs: Blobs
    policy: PolicyEngine
    custody: Custody
    clock: Clock
    origin: str
    max_blob_bytes: int
    evaluators: Evaluators = NOBODY
    evaluator: EvaluatorIdentity | None = None
    confirms_only: bool = False
    confirmation_seconds: float = 3600.0
    resources: Resources | None = None
    trainer: Mapping[str, Any] = field(default_factory=dict)
