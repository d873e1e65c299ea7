"""Verify a model offline: certificate, weights and pinned public keys are all it takes.

Rules: every check is made and named, so that a report says what was looked at; the plan is computed again from what the
owner signed and what was asked, so noise and epsilon are not taken from the certificate; nothing here asks the service.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secure_ds.ckks.errors import PlanRefused
from secure_ds.client.certificate_checks import Check, agrees, check_log, check_weights, signed_by_certificate_key
from secure_ds.client.errors import ClientError
from secure_ds.client.statement import open_statement
from secure_ds.client.verify_sealed import check_sealed, signed_sealed_statement
from secure_ds.core.evaluators import WITNESSES
from secure_ds.data.consent import JOINED, open_consent
from secure_ds.data.errors import DataError
from secure_ds.privacy.errors import PrivacyError
from secure_ds.training.encrypted.model_file import InvalidModelFile, read_model
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.certificate import Predicate, Statement
from secure_ds.wire.sealed_certificate import SealedPredicate
from secure_ds.wire.service import PublicKeys

_SIGNED: Final = Check("signature", True, "signed by the pinned certificate key (ECDSA P-256, DSSE)")


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The outcome: all checks, and the claims where the signature held."""

    checks: tuple[Check, ...]
    claims: Predicate | SealedPredicate | None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def verify_model(certificate: bytes, weights: bytes, keys: PublicKeys) -> ModelReport:
    """Check a model's certificate against its weights and the pinned keys.

    Args:
        certificate: the DSSE envelope, as downloaded.
        weights: the model file, as downloaded.
        keys: the service's public keys, pinned earlier.
    """
    statement = signed_statement(certificate, keys)
    if statement is None and (sealed := signed_sealed_statement(certificate, keys)) is not None:
        return ModelReport((_SIGNED, *check_sealed(sealed, weights, keys)), sealed.predicate)
    if statement is None:
        failed = Check("signature", False, "the certificate is not signed by the pinned certificate key")
        return ModelReport((failed,), None)
    checks = [act(statement, weights, keys) for act in _CHECKS]
    return ModelReport((_SIGNED, *checks), statement.predicate)


def signed_statement(certificate: bytes, keys: PublicKeys) -> Statement | None:
    """Return what an encrypted job's certificate states, or None where the pinned certificate key did not sign it."""
    return signed_by_certificate_key(certificate, keys, Statement)


def _check_weights(statement: Statement, weights: bytes, keys: PublicKeys) -> Check:
    return check_weights(statement.subject[0], weights)


def _check_plan(statement: Statement, weights: bytes, keys: PublicKeys) -> Check:
    claims = statement.predicate
    try:
        plan = plan_from_json(claims.plan)
        passed = plan.digest == claims.plan_digest == read_model(weights).plan_digest
    except (PlanRefused, PrivacyError, InvalidModelFile) as error:
        return Check("plan", False, f"the plan cannot be computed again: {error}")
    return Check("plan", passed, f"the plan, noise included, was computed again: {agrees(passed)}")


def _check_privacy(statement: Statement, weights: bytes, keys: PublicKeys) -> Check:
    claims = statement.predicate
    try:
        plan = plan_from_json(claims.plan)
        spent = plan.epsilon_after(plan.steps)
    except (PlanRefused, PrivacyError) as error:
        return Check("privacy", False, f"epsilon cannot be computed again: {error}")
    released = [int(entry.units) for entry in claims.ledger]
    passed = (
        spent <= claims.privacy.epsilon
        and claims.privacy.delta == plan.request.delta
        and released == list(plan.charges)
        and [entry.step for entry in claims.ledger] == list(range(plan.steps))
    )
    return Check("privacy", passed, f"{len(released)} releases compose to epsilon = {spent:.6g}: {agrees(passed)}")


def _check_evaluation(statement: Statement, weights: bytes, keys: PublicKeys) -> Check:
    """Whether the certificate claims as many witnesses for every step as the plan demands."""
    claims = statement.predicate
    demanded = claims.plan.get("dual_evaluation") is True
    passed = claims.evaluation.dual == demanded and all(
        not demanded or len(set(entry.attested_by)) >= WITNESSES for entry in claims.ledger
    )
    if not demanded:
        return Check("evaluation", passed, f"by one worker, which is taken to be honest: {agrees(passed)}")
    domains = ", ".join(claims.evaluation.domains)
    return Check("evaluation", passed, f"alike by workers of the domains {domains}: {agrees(passed)}")


def _check_log(statement: Statement, weights: bytes, keys: PublicKeys) -> Check:
    return check_log(statement.predicate, statement.subject[0].name, weights, keys)


def _check_owners(statement: Statement, weights: bytes, keys: PublicKeys) -> Check:
    """Whether the custodian made the key, and every owner signed for its data set with the key that the terms name."""
    claims = statement.predicate
    if claims.collaboration is None:
        return Check("owners", len(claims.data) == 1, "one owner, under a key of the data set's own")
    try:
        group = open_statement(json.dumps(claims.collaboration).encode(), keys)
        consents = [open_consent(json.dumps(claim.consent).encode(), claim.upload_key) for claim in claims.data]
    except (ClientError, DataError) as error:
        return Check("owners", False, f"the statement or a consent does not hold: {error}")
    signed = [
        (consent.collaboration_id, consent.statement_digest, consent.dataset_id, consent.descriptor_digest)
        for consent in consents
    ]
    claimed = [(group.collaboration_id, group.digest, claim.id, claim.descriptor_digest) for claim in claims.data]
    passed = (
        signed == claimed
        and all(consent.verdict == JOINED for consent in consents)
        and all(group.terms.upload_key_of(claim.tenant) == claim.upload_key for claim in claims.data)
    )
    return Check(
        "owners", passed, f"{len(consents)} owners signed for their data in this collaboration: {agrees(passed)}"
    )


_CHECKS: tuple[Callable[[Statement, bytes, PublicKeys], Check], ...] = (
    _check_weights,
    _check_plan,
    _check_privacy,
    _check_evaluation,
    _check_owners,
    _check_log,
)
