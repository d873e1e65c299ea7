"""What the custodian refuses, each with a stable code. Failures of cryptography say nothing about their cause."""

from typing import ClassVar


class CustodianRefusal(Exception):
    """Root of all refusals; nothing was decrypted, signed or released."""

    code: ClassVar[str] = "refused"
    remedy: ClassVar[str | None] = None
    recorded: ClassVar[bool] = False
    """Whether whoever raises it files it, with what they know; else the door does."""


class KeyRejected(CustodianRefusal):
    """The sealed key or the descriptor it belongs to cannot be accepted."""

    code = "key_rejected"
    remedy = "encrypt the data set again, sealing to the custodian's present key"


class KeyUnknown(CustodianRefusal):
    """The custodian holds no key for this data set."""

    code = "key_unknown"


class KeyRotated(CustodianRefusal):
    """The key has a successor and answers nothing more."""

    code = "key_rotated"
    remedy = "use the data set that succeeds this one"


class TermsRejected(CustodianRefusal):
    """No keys can be made for these terms of a collaboration."""

    code = "terms_rejected"


class ConsentRejected(CustodianRefusal):
    """It is not this data set's owner who signed this, or it was signed for something else, or it is an old one."""

    code = "consent_rejected"


class ConsentMissing(CustodianRefusal):
    """The owner of a data set has not consented to the collaboration, or has taken the consent back."""

    code = "consent_missing"
    recorded = True


class CheckRefused(CustodianRefusal):
    """This block's norms were checked before, with other ciphertexts; there is one verdict a block."""

    code = "check_refused"


class NotVerified(CustodianRefusal):
    """Not every block of the data set has passed the norm check."""

    code = "not_verified"


class LimitExceeded(CustodianRefusal):
    """The limits the owner signed do not cover it, by the custodian's own count."""

    code = "owner_limit_exceeded"
    recorded = True


class NotTheOwner(CustodianRefusal):
    """Somebody else than the owner of the data asks for statistics without noise."""

    code = "not_the_owner"


class PlanMismatch(CustodianRefusal):
    """The plan is not the one the custodian computes from descriptor and request."""

    code = "plan_mismatch"


class DataMismatch(CustodianRefusal):
    """The data sets are not those of the request, or not under one key."""

    code = "data_mismatch"


class GrantInvalid(CustodianRefusal):
    """The grant is not one this custodian signed, or belongs to another job."""

    code = "grant_invalid"


class PolicyRefused(CustodianRefusal):
    """The policies, asked at the third door, say no."""

    code = "policy_denied"
    recorded = True


class StepConflict(CustodianRefusal):
    """The step was paid for with another ciphertext; it has one answer."""

    code = "step_conflict"
    recorded = True


class StepOutOfOrder(CustodianRefusal):
    """Steps are answered in order, for weights that follow from the answers before."""

    code = "step_out_of_order"


class FenceStale(CustodianRefusal):
    """Another worker has taken the job over."""

    code = "fence_stale"


class SpendMissing(CustodianRefusal):
    """The service's ledger does not show this step as paid for."""

    code = "spend_missing"


class EvaluatorsMissing(CustodianRefusal):
    """The job is under dual evaluation, and the custodian knows evaluators of fewer than two trust domains."""

    code = "evaluators_missing"
    remedy = "list workers of two domains in the custodian's settings (`evaluators`)"


class EvaluationUnconfirmed(CustodianRefusal):
    """No two trust domains attest this ciphertext for this step."""

    code = "evaluation_unconfirmed"
    recorded = True


class EvaluationConflict(CustodianRefusal):
    """Evaluators that the custodian knows attest different ciphertexts for this step: one of them deviated."""

    code = "evaluation_conflict"
    recorded = True


class CiphertextRejected(CustodianRefusal):
    """The packed ciphertext is not of the plan's form."""

    code = "ciphertext_rejected"


class CertificateRefused(CustodianRefusal):
    """What was to be certified does not follow from the custodian's own answers."""

    code = "certificate_refused"


class CheckpointRefused(CustodianRefusal):
    """The audit tree is not an extension of the one signed before."""

    code = "checkpoint_refused"


class SessionConflict(CustodianRefusal):
    """Another trainer was given the keys under this lease, or this trainer was given keys under another one."""

    code = "session_conflict"
    remedy = "start a fresh trainer under a fresh lease"


class SessionKeyRejected(CustodianRefusal):
    """The session key is no point of P-256."""

    code = "session_key_rejected"


class JobSettled(CustodianRefusal):
    """The job ended, and what it did not use was handed back."""

    code = "job_settled"


class SettlementRejected(CustodianRefusal):
    """What is said of a job's steps was not signed by its newest trainer, or does not follow from its plan."""

    code = "settlement_rejected"
