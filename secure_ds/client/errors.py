"""What can go wrong on the owner's machine, and between it and the service."""

from secure_ds.wire.service import Problem


class ClientError(Exception):
    """Root of this room's errors."""

    code: str = "client_error"


class SealedDataset(ClientError):
    """What was asked for is possible with encrypted records alone."""

    code = "sealed_dataset"


class InvalidPackage(ClientError):
    """An encrypted package cannot be written there, or is unfinished or damaged."""

    code = "invalid_package"


class InvalidDeclaration(ClientError):
    """The owner's declaration about a data set cannot be read or used."""

    code = "invalid_declaration"


class InvalidUploadKey(ClientError):
    """The owner's signing key cannot be made or read."""

    code = "invalid_upload_key"


class KeyNotListed(ClientError):
    """The collaboration names another upload key for the owner's tenant, or none: somebody else would speak for it."""

    code = "key_not_listed"


class InsecureAddress(ClientError):
    """A token would travel unencrypted: only https, or http on this machine, is used."""

    code = "insecure_address"


class ServiceUnreachable(ClientError):
    """No answer came, however often it was tried; whether the last request was carried out is not known."""

    code = "service_unreachable"


class UnexpectedAnswer(ClientError):
    """An answer is not what this version of the API promises, or not the bytes that were asked for."""

    code = "unexpected_answer"


class UntrustedService(ClientError):
    """The service's public keys are not those that were pinned, or none were pinned."""

    code = "untrusted_service"


class InvalidTrustFile(ClientError):
    """The file of pinned keys cannot be read."""

    code = "invalid_trust_file"


class InvalidInputs(ClientError):
    """Records do not fit the network: another number of inputs, or a number outside its declared range."""

    code = "invalid_inputs"


class PredictionFailed(ClientError):
    """The service took a prediction and could not evaluate it."""

    code = "prediction_failed"


class ProblemError(ClientError):
    """The service refused, and said why (RFC 9457).

    Attributes:
        code: the problem's stable code.
        status: HTTP status.
        detail: what was wrong.
        remedy: what would be right, where the service says so.
        facts: public numbers to act on.
        request_id: names the request in the service's logs.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.code = problem.code
        self.status = problem.status
        self.detail = problem.detail
        self.remedy = problem.remedy
        self.facts = problem.facts or {}
        self.request_id = problem.request_id
