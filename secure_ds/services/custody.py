"""The custodian's client: its small RPC over HTTP on a Unix socket. One connection pool a process."""

from pathlib import Path
from typing import Self, TypeVar

import httpx
from pydantic import ValidationError

from secure_ds.services.context import CustodyRefused, CustodyUnavailable
from secure_ds.wire.base import Message
from secure_ds.wire.custodian import (
    Certificate,
    CertificateRequest,
    CheckpointSize,
    ConsentMessage,
    ConsentReceipt,
    CustodianError,
    CustodianHealth,
    DecryptionCount,
    DecryptionQuestion,
    Grant,
    GrantRequest,
    GroupCreation,
    GroupKeys,
    KeyRegistration,
    NormCheck,
    NormVerdict,
    Nothing,
    Registered,
    StepAnswer,
    StepQuestion,
)
from secure_ds.wire.sealed import SealedCertificateRequest, SealedKeyRequest, SealedKeys, Settled, SettleSealed
from secure_ds.wire.service import PublicKeys

Answer = TypeVar("Answer", bound=Message)
TIMEOUT = httpx.Timeout(60.0, connect=5.0)  # seconds


class RpcCustody:
    """Speaks to the custodian; see `Custody` for what each method means."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._http = httpx.Client(transport=transport, base_url="http://custodian", timeout=TIMEOUT)

    @classmethod
    def over_socket(cls, socket: Path) -> Self:
        """Speak to the custodian that listens on a Unix socket."""
        return cls(httpx.HTTPTransport(uds=str(socket)))

    def create_group(self, message: GroupCreation) -> GroupKeys:
        return self._ask("create_group", message, GroupKeys)

    def consent(self, message: ConsentMessage) -> ConsentReceipt:
        return self._ask("consent", message, ConsentReceipt)

    def register(self, message: KeyRegistration) -> Registered:
        return self._ask("register", message, Registered)

    def grant(self, message: GrantRequest) -> Grant:
        return self._ask("grant", message, Grant)

    def check_norms(self, message: NormCheck) -> NormVerdict:
        return self._ask("check_norms", message, NormVerdict)

    def answer(self, message: StepQuestion) -> StepAnswer:
        return self._ask("answer", message, StepAnswer)

    def register_sealed(self, message: KeyRegistration) -> Registered:
        return self._ask("register_sealed", message, Registered)

    def grant_sealed(self, message: GrantRequest) -> Grant:
        return self._ask("grant_sealed", message, Grant)

    def release_keys(self, message: SealedKeyRequest) -> SealedKeys:
        return self._ask("release_keys", message, SealedKeys)

    def certify_sealed(self, message: SealedCertificateRequest) -> Certificate:
        return self._ask("certify_sealed", message, Certificate)

    def settle_sealed(self, message: SettleSealed) -> Settled:
        return self._ask("settle_sealed", message, Settled)

    def certify(self, message: CertificateRequest) -> Certificate:
        return self._ask("certify", message, Certificate)

    def checkpoint(self) -> int:
        return self._ask("checkpoint", Nothing(), CheckpointSize).size

    def decryptions(self, dataset_id: str) -> DecryptionCount:
        return self._ask("decryptions", DecryptionQuestion(dataset_id=dataset_id), DecryptionCount)

    def public_keys(self) -> PublicKeys:
        return self._ask("public_keys", Nothing(), PublicKeys)

    def health(self) -> CustodianHealth:
        return self._ask("health", Nothing(), CustodianHealth)

    def _ask(self, act: str, message: Message, kind: type[Answer]) -> Answer:
        try:
            reply = self._http.post(f"/{act}", content=message.model_dump_json())
            if reply.status_code == httpx.codes.OK:
                return kind.model_validate_json(reply.content)
            if reply.status_code == httpx.codes.CONFLICT:
                error = CustodianError.model_validate_json(reply.content)
                raise CustodyRefused(error.code, error.detail, error.remedy)
        except (httpx.HTTPError, ValidationError) as error:
            raise CustodyUnavailable("the key custodian does not answer") from error
        raise CustodyUnavailable("the key custodian cannot work at present")
