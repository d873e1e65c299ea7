"""The checks of a model that was trained on sealed records; see `verify` for the rules."""

from secure_ds.client.certificate_checks import Check, agrees, check_log, check_weights, signed_by_certificate_key
from secure_ds.privacy.errors import PrivacyError
from secure_ds.training.dp.plan import plan_from_json
from secure_ds.wire.sealed_certificate import SealedStatement
from secure_ds.wire.service import PublicKeys


def signed_sealed_statement(certificate: bytes, keys: PublicKeys) -> SealedStatement | None:
    """Return what a certificate of a sealed job states, or None where the pinned certificate key did not sign it."""
    return signed_by_certificate_key(certificate, keys, SealedStatement)


def check_sealed(statement: SealedStatement, weights: bytes, keys: PublicKeys) -> list[Check]:
    """Return every check of a sealed job's certificate but that of its signature."""
    return [
        check_weights(statement.subject[0], weights),
        *_check_privacy(statement),
        _check_evidence(statement),
        check_log(statement.predicate, statement.subject[0].name, weights, keys),
    ]


def _check_privacy(statement: SealedStatement) -> list[Check]:
    """Plan, noise and epsilon are computed again from what the owner signed and what was asked."""
    claims = statement.predicate
    try:
        plan = plan_from_json(claims.plan)
        spent = plan.epsilon_after(claims.privacy.steps_released)
    except PrivacyError as error:
        return [Check("plan", False, f"the plan cannot be computed again: {error}")]
    same = plan.digest == claims.plan_digest
    data = claims.data[0]
    about = same and (data.id, data.descriptor_digest) == (plan.facts.dataset_id, plan.facts.descriptor_digest)
    private = (
        spent <= claims.privacy.epsilon <= claims.data[0].limit_epsilon
        and claims.privacy.delta == plan.request.delta
        and claims.privacy.steps_released == plan.steps
    )
    return [
        Check("plan", about, f"the plan, noise included, was computed again: {agrees(about)}"),
        Check("privacy", private, f"{plan.steps} steps compose to epsilon = {spent:.6g}: {agrees(private)}"),
    ]


def _check_evidence(statement: SealedStatement) -> Check:
    """Whether the audit that the plan asked for was made, and does not contradict the claim."""
    claims = statement.predicate
    asked, found = int(claims.plan["request"].get("canaries", 0)), claims.evidence
    if found is None:
        return Check("evidence", asked == 0, f"no audit was asked for: {agrees(asked == 0)}")
    passed = found.canaries == asked and found.epsilon_lower_bound <= claims.privacy.epsilon
    bound = f"{found.epsilon_lower_bound:.4g} at confidence {found.confidence:g}"
    return Check("evidence", passed, f"{found.canaries} canaries: epsilon is at least {bound}: {agrees(passed)}")
