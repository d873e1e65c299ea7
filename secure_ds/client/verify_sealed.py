"""The checks of a model that was trained on sealed records; see `verify` for the rules."""

import json

from secure_ds.client.certificate_checks import Check, agrees, check_log, check_weights, signed_by_certificate_key
from secure_ds.privacy.errors import PrivacyError
from secure_ds.training.dp.plan import DpPlan, plan_from_json
from secure_ds.wire.sealed_certificate import SealedPredicate, SealedStatement
from secure_ds.wire.service import PublicKeys

CONFIDENCE = 0.999 - 1e-9  # that a lower bound must have


def signed_sealed_statement(certificate: bytes, keys: PublicKeys) -> SealedStatement | None:
    """Return what a certificate of a sealed job states, or None where the pinned certificate key did not sign it."""
    return signed_by_certificate_key(certificate, keys, SealedStatement)


def check_sealed(statement: SealedStatement, weights: bytes, keys: PublicKeys) -> list[Check]:
    """Return every check of a sealed job's certificate but that of its signature."""
    claims = statement.predicate
    return [
        check_weights(statement.subject[0], weights),
        *_check_plan(claims, weights),
        check_log(claims, statement.subject[0].name, weights, keys),
    ]


def _check_plan(claims: SealedPredicate, weights: bytes) -> list[Check]:
    """Plan, noise and epsilon are computed again from what the owner signed and what was asked."""
    try:
        plan = plan_from_json(claims.plan)
        return [_same_plan(claims, plan, weights), _same_privacy(claims, plan), _evidence(claims, plan)]
    except PrivacyError as error:
        return [Check("plan", False, f"the plan cannot be computed again: {error}")]


def _same_plan(claims: SealedPredicate, plan: DpPlan, weights: bytes) -> Check:
    facts, data = plan.facts, claims.data[0]
    passed = (
        plan.digest == claims.plan_digest == _plan_of_model(weights)
        and len(claims.data) == 1
        and (claims.algorithm, claims.purpose) == (plan.algorithm, plan.request.purpose)
        and (data.id, data.descriptor_digest) == (facts.dataset_id, facts.descriptor_digest)
        and (data.n_rows, data.n_units, data.unit, data.records)
        == (facts.n_rows, facts.n_units, facts.unit, facts.schema)
        and (data.limit_epsilon, data.limit_delta) == (facts.limit_epsilon, facts.limit_delta)
    )
    return Check("plan", passed, f"the plan, noise included, was computed again: {agrees(passed)}")


def _same_privacy(claims: SealedPredicate, plan: DpPlan) -> Check:
    privacy, spent = claims.privacy, plan.epsilon_after(plan.steps)
    passed = (
        spent <= privacy.epsilon <= plan.facts.limit_epsilon
        and privacy.delta == plan.request.delta
        and privacy.steps_released == plan.steps
        and (privacy.unit, privacy.neighbours, privacy.event) == (plan.unit, plan.neighbours, plan.event.to_json())
        and privacy.bounds == plan.epsilons
    )
    return Check("privacy", passed, f"{plan.steps} steps compose to epsilon = {spent:.6g}: {agrees(passed)}")


def _evidence(claims: SealedPredicate, plan: DpPlan) -> Check:
    """Whether the audit that the plan asked for was made, and does not contradict the claim."""
    asked, found = plan.request.canaries, claims.evidence
    if found is None:
        return Check("evidence", asked == 0, f"no audit was asked for: {agrees(asked == 0)}")
    passed = (
        found.canaries == asked
        and found.correct <= found.guesses <= asked
        and found.confidence >= CONFIDENCE
        and found.epsilon_lower_bound <= claims.privacy.epsilon
    )
    bound = f"{found.epsilon_lower_bound:.4g} at confidence {found.confidence:g}"
    return Check("evidence", passed, f"{found.canaries} canaries: epsilon is at least {bound}: {agrees(passed)}")


def _plan_of_model(weights: bytes) -> str | None:
    """Return the plan that a model file names, from its header alone; None where it names none."""
    try:
        header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
        return str(json.loads(header["__metadata__"]["secure_ds"])["plan_digest"])
    except (ValueError, KeyError, TypeError):
        return None
