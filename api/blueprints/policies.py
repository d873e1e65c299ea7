"""The policies in force, and what they would say."""

from api.openapi import OperationBlueprint
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.service import ExplainRequest, ExplainView, PolicySetView

policies = OperationBlueprint("policies", "Attribute-based policies, in Cedar.")


@policies.operation("GET", "/v1/policies")
def show_policies(verbs: Verbs, caller: Caller) -> PolicySetView:
    """Show the policies in force."""
    return verbs.show_policies(caller)


@policies.operation("POST", "/v1/policies/explain", problems=(404,))
def explain(verbs: Verbs, caller: Caller, body: ExplainRequest) -> ExplainView:
    """Explain what the policies would answer the caller, without doing it."""
    return verbs.explain(caller, body)
