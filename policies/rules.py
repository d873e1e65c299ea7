"""Single policies, read from Cedar's JSON form: name, effect, plain words, and which facts each reads.

Pure functions over parsed JSON; nothing here evaluates a policy.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.errors import PolicyLoadError

VARIABLES = ("principal", "resource", "context")


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy of a file.

    Attributes:
        name: its `@id`, unique in the policy directory.
        effect: `permit` or `forbid`.
        says: its `@says`: for a permit what it grants, for a forbid what must hold.
        actions: the actions it is about; empty means every action.
        principal_type: the principals it is about; None means every principal.
        reads: the facts its condition reads, as `variable.attribute`.
    """

    name: str
    effect: str
    says: str
    actions: frozenset[str]
    principal_type: str | None
    reads: frozenset[str]

    def is_about(self, action: str, principal_type: str) -> bool:
        """Whether action and kind of principal fall within its scope."""
        return (not self.actions or action in self.actions) and self.principal_type in (None, principal_type)


def rules_of(file: str, policies: Mapping[str, Any]) -> list[Rule]:
    """The rules of one policy file.

    Args:
        file: path relative to the policy directory; its folder is the effect that every policy in it must have.
        policies: the file in Cedar's JSON form.

    Raises:
        PolicyLoadError: the file holds no policy, a template, a policy of the other effect, or one without words.
    """
    if policies["templates"] or not policies["staticPolicies"]:
        raise PolicyLoadError(f"{file} must hold policies, and no templates")
    return [_rule(file, policy) for policy in policies["staticPolicies"].values()]


def _rule(file: str, policy: Mapping[str, Any]) -> Rule:
    folder = file.partition("/")[0]
    if policy["effect"] != folder:
        raise PolicyLoadError(f"{file} holds a {policy['effect']}: only {folder} policies belong there")
    annotations = policy.get("annotations", {})
    if not annotations.get("id") or not annotations.get("says"):
        raise PolicyLoadError(f'{file} holds a policy without @id("...") and @says("...")')
    return Rule(
        name=annotations["id"],
        effect=policy["effect"],
        says=annotations["says"],
        actions=frozenset(_scope_actions(policy["action"])),
        principal_type=policy["principal"].get("entity_type"),
        reads=frozenset(_facts_read(policy["conditions"])),
    )


def _scope_actions(scope: Mapping[str, Any]) -> list[str]:
    entities = [scope["entity"]] if "entity" in scope else scope.get("entities", [])
    return [entity["id"] for entity in entities]


def _facts_read(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _facts_read(item)
    elif isinstance(node, dict):
        yield from _fact_named_by(node)
        for child in node.values():
            yield from _facts_read(child)


def _fact_named_by(node: Mapping[str, Any]) -> Iterator[str]:
    for access in (node.get("."), node.get("has")):
        if isinstance(access, dict) and access["left"].get("Var") in VARIABLES:
            yield f"{access['left']['Var']}.{access['attr']}"
    # `resource in principal.tenant` reads the resource's place in the hierarchy, which is its tenant.
    membership = node.get("in")
    if isinstance(membership, dict) and membership["left"].get("Var") == "resource":
        yield "resource.tenant"
