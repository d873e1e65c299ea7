"""What a use case may answer instead of a result.

Every error carries a stable `code`, a sentence that says what was wrong, and where it helps one that says what would be
right. `kind` is what the HTTP layer maps to a status. None of them ever holds a secret or another tenant's facts.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

Kind = Literal[
    "malformed",  # 400
    "unauthenticated",  # 401
    "denied",  # 403
    "missing",  # 404
    "conflict",  # 409
    "budget",  # 409
    "precondition",  # 412
    "too_large",  # 413
    "invalid",  # 422
    "digest_mismatch",  # 422
    "unavailable",  # 503
]


class ServiceError(Exception):
    """Root of all refusals. `facts` are public numbers a client may act on (such as the epsilon that would fit)."""

    code: ClassVar[str] = "error"
    kind: ClassVar[Kind] = "invalid"

    def __init__(self, detail: str, *, remedy: str | None = None, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.facts = dict(facts) if facts else None


class InvalidToken(ServiceError):
    """The bearer token is malformed, unknown or revoked; which of these is not said."""

    code = "invalid_token"
    kind = "unauthenticated"


class ExpiredToken(ServiceError):
    """The bearer token was good once."""

    code = "expired_token"
    kind = "unauthenticated"


class UserDiffers(ServiceError):
    """A user of this name exists, with other attributes than were named."""

    code = "user_differs"
    kind = "conflict"


class AccessDenied(ServiceError):
    """Policy says no; the detail names what would be needed."""

    code = "policy_denied"
    kind = "denied"


class NotFound(ServiceError):
    """No such object, or none that the caller may know of."""

    code = "not_found"
    kind = "missing"


class InvalidQuery(ServiceError):
    """What a question points at does not exist: no such page, tree, action or form."""

    code = "invalid_query"
    kind = "missing"


class InvalidDescriptor(ServiceError):
    """The data set's descriptor or its signature cannot be accepted."""

    code = "invalid_descriptor"


class InvalidNetworkFile(ServiceError):
    """A network's file cannot be accepted."""

    code = "invalid_network"


class PredictionRefused(ServiceError):
    """The plan of a prediction does not hold for its network, or its files are not those the plan needs."""

    code = "prediction_refused"


class MalformedBlob(ServiceError):
    """An uploaded ciphertext or key is not what the descriptor says it is."""

    code = "malformed_blob"


class BlobDigestMismatch(ServiceError):
    """The bytes that arrived are not those the owner signed for."""

    code = "digest_mismatch"
    kind = "digest_mismatch"


class UploadOffsetMismatch(ServiceError):
    """A resumed upload must continue where the stored part ends."""

    code = "upload_offset_mismatch"
    kind = "conflict"


class BlobTooLarge(ServiceError):
    """More bytes than the descriptor declares for this blob."""

    code = "too_large"
    kind = "too_large"


class StateConflict(ServiceError):
    """The object is not in a state that allows this."""

    code = "state_conflict"
    kind = "conflict"


class IdempotencyConflict(ServiceError):
    """The idempotency key was used before with another request."""

    code = "idempotency_conflict"
    kind = "conflict"


class InvalidTerms(ServiceError):
    """The terms of a collaboration cannot be accepted."""

    code = "invalid_terms"


class InvalidConsent(ServiceError):
    """A consent is not the owner's, or not about this data set and its collaboration."""

    code = "invalid_consent"


class ConsentMissing(ServiceError):
    """The owner of a data set does not, or no longer, consent to the collaboration."""

    code = "consent_missing"
    kind = "conflict"


class PlanInvalid(ServiceError):
    """No plan can be made of the request; the detail says what would have to change."""

    code = "plan_refused"


class PlanChanged(ServiceError):
    """The plan is no longer the one that was quoted."""

    code = "plan_changed"
    kind = "precondition"


class EvaluatorsMissing(ServiceError):
    """The job asks for dual evaluation, or an owner requires it, and there are not two trust domains to do it."""

    code = "evaluators_missing"
    kind = "conflict"


class BudgetRefused(ServiceError):
    """The data set's remaining budget does not cover the job; the facts say what would fit."""

    code = "budget_exceeded"
    kind = "budget"


class GrantRefused(ServiceError):
    """The custodian does not allow its keys to be used for this plan."""

    code = "grant_refused"
    kind = "denied"


class ServiceUnavailable(ServiceError):
    """A part the operation depends on (database, audit log, custodian, HSM) does not answer; nothing was done."""

    code = "unavailable"
    kind = "unavailable"
