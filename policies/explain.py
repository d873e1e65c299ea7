"""Decisions in plain words.

Two readers, two texts: `refusal` is for the caller who was refused, and says what would be needed and nothing about
other people's data; `explain` is for those who may read decisions, and shows the facts that were read.
"""

from policies.verdict import Basis, Decision

HIDDEN = "There is nothing here that you may see."
"""What a caller learns of another tenant's objects: as much as of objects that do not exist."""


def refusal(decision: Decision) -> str:
    """Why a request was refused, for the caller.

    Raises:
        ValueError: the decision allows, so there is nothing to refuse.
    """
    if decision.allowed:
        raise ValueError("an allowed decision has no refusal")
    if decision.request.crosses_tenants:
        return HIDDEN
    return f"{_subject(decision)} is refused. {_grounds(decision)}"


def explain(decision: Decision) -> str:
    """A decision with its grounds, the facts read and the version of the policies, one thing per line."""
    outcome = "allowed" if decision.allowed else "refused"
    principal, resource = decision.request.principal, decision.request.resource
    door = decision.request.context.door
    lines = [
        f"{_subject(decision)} is {outcome}.",
        f"Asked by {principal.cedar_type} {principal.id} (tenant {principal.tenant}), door {door}.",
        f"About {resource.cedar_type} {resource.id} (tenant {resource.tenant}).",
        _grounds(decision),
        *(f"Fact {path} = {value}" for path, value in decision.attributes.items()),
        *(f"Error {error}" for error in decision.errors),
        f"Policies {decision.policy_version}",
    ]
    return "\n".join(lines)


def _subject(decision: Decision) -> str:
    return f"{decision.request.action} on this {decision.request.resource.cedar_type}"


def _grounds(decision: Decision) -> str:
    sentences = " ".join(f"{rule.says.rstrip('.')} [{rule.name}]." for rule in decision.rules)
    if decision.basis is Basis.ERROR:
        return "It could not be evaluated, and what cannot be evaluated is refused."
    if decision.basis is Basis.NO_PERMIT:
        return f"No policy permits it. {sentences}".strip()
    return sentences
