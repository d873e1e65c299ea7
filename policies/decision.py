"""The decision: Cedar asked, and its answer made safe to act on. The only module that knows Cedar.

Rules kept here, each of them fail-closed:

* allowed means that Cedar said Allow, named a permit, and reported **no error whatsoever**. In Cedar a forbid whose
  condition errors is skipped and a permit can then win (cedar-spec, `Authorizer.lean`), so an error is a denial;
* policies are validated against the schema when loaded, and every request and entity against it when decided;
* policies that the code relies on (`GUARDRAILS`) must be there: a deployment may add policies, never drop those;
* each request brings its own entities and nothing is kept between requests, so engines are safe to share by threads.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cedarpy

from policies.errors import PolicyLoadError
from policies.request import Request
from policies.rules import Rule, rules_of
from policies.sources import PolicySources, read_sources
from policies.verdict import Basis, Decision

GUARDRAILS = frozenset(
    {
        "budget-exceeded",
        "clearance-below-sensitivity",
        "consent-missing",
        "data-set-not-checking",
        "data-set-not-downloadable",
        "data-set-not-ready",
        "data-set-not-uploading",
        "data-set-state-unknown",
        "noise-free-for-the-owner-alone",
        "other-tenant",
        "outside-the-custodian",
        "outside-the-use-case",
        "purpose-not-allowed",
    }
)
"""Forbids that no policy directory may lack."""

_EVALUATION_ERROR = re.compile(r"error while evaluating policy `(?P<policy>[^`]+)`: (?P<problem>.*)", re.DOTALL)


class PolicyEngine:
    """One validated version of the policies. Immutable, and safe to share by threads."""

    def __init__(self, sources: PolicySources) -> None:
        """Parse, validate and index policies.

        Raises:
            PolicyLoadError: a policy or the schema does not parse, a policy does not fit the schema, has no name or
                shares one, or a guardrail is missing.
        """
        self._sources = sources
        self._schema = _parse_schema(sources.schema)
        self._rules = _index(sources.files)
        text = sources.policy_text()
        _require_valid(text, self._schema)
        self._policies = cedarpy.PolicySet.from_str(text)
        self._names = _names_by_cedar_id(text)
        self.policy_version = sources.version()
        """Digest (`sha256:<hex>`) of every byte that can change a decision."""

    @classmethod
    def load(cls, directory: Path) -> "PolicyEngine":
        """Load a policy directory (see `policies.sources`).

        Raises:
            PolicyLoadError: it is missing, incomplete or invalid.
        """
        return cls(read_sources(directory))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every policy, in the order of the files."""
        return tuple(self._rules.values())

    @property
    def sources(self) -> PolicySources:
        """The texts this engine was made of."""
        return self._sources

    def without(self, name: str) -> "PolicyEngine":
        """The same policies lacking one, to see what it is worth. For tests of policies only, never to enforce with.

        Raises:
            KeyError: there is no policy of that name.
        """
        policies = _parse("policies", self._sources.policy_text())
        static = policies["staticPolicies"]
        del static[{named: cedar_id for cedar_id, named in self._names.items()}[name]]
        weakened = copy(self)
        weakened._policies = cedarpy.PolicySet.from_json_str(json.dumps(policies))
        weakened.policy_version = f"{self.policy_version} without {name}"
        return weakened

    def decide(self, request: Request) -> Decision:
        """Decide one request. Never raises for what a request holds: what cannot be evaluated is denied."""
        try:
            answer = self._ask(request)
        except (TypeError, ValueError) as error:
            return self._refuse_with_errors(request, [type(error).__name__])
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            return self._refuse_with_errors(request, answer.diagnostics.errors)
        determining = tuple(self._rules[self._names[reason]] for reason in answer.diagnostics.reasons)
        if answer.allowed:
            return self._verdict(request, Basis.PERMIT, determining)
        if determining:
            return self._verdict(request, Basis.FORBID, determining)
        return self._verdict(request, Basis.NO_PERMIT, self._permits_about(request))

    def _ask(self, request: Request) -> cedarpy.AuthzResult:
        question = {
            "principal": request.principal.uid(),
            "action": {"type": "Action", "id": str(request.action)},
            "resource": request.resource.uid(),
            "context": request.context.to_cedar(),
        }
        entities = [request.principal.to_cedar(), request.resource.to_cedar()]
        return cedarpy.is_authorized(question, self._policies, json.dumps(entities), schema=self._schema)

    def _permits_about(self, request: Request) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self._rules.values()
            if rule.effect == "permit" and rule.is_about(request.action, request.principal.cedar_type)
        )

    def _verdict(self, request: Request, basis: Basis, rules: Iterable[Rule]) -> Decision:
        ordered = tuple(sorted(rules, key=lambda rule: rule.name))
        return Decision(request, basis, ordered, (), _facts_read(request, ordered), self.policy_version)

    def _refuse_with_errors(self, request: Request, errors: list[str]) -> Decision:
        cleaned = tuple(self._clean(error) for error in errors) or ("no decision",)
        return Decision(request, Basis.ERROR, (), cleaned, MappingProxyType({}), self.policy_version)

    def _clean(self, error: str) -> str:
        """The error with the policy's own name, and without the dump of entities that Cedar quotes."""
        evaluation = _EVALUATION_ERROR.fullmatch(error)
        if evaluation is None:
            return error.rpartition("]: ")[2].partition("\n")[0]
        return f"{self._names.get(evaluation['policy'], 'unknown policy')}: {evaluation['problem']}"


def _parse_schema(text: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise PolicyLoadError(f"the policy schema does not parse: {error}") from error


def _parse(file: str, text: str) -> Mapping[str, Any]:
    try:
        parsed: Mapping[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyLoadError(f"{file} does not parse: {error}") from error
    return parsed


def _index(files: Mapping[str, str]) -> dict[str, Rule]:
    """Rules by name, in the order of the files."""
    rules = [rule for file, text in files.items() for rule in rules_of(file, _parse(file, text))]
    occurrences = Counter(rule.name for rule in rules)
    if repeated := sorted(name for name, count in occurrences.items() if count > 1):
        raise PolicyLoadError(f"policy names must be unique, these are not: {', '.join(repeated)}")
    if missing := sorted(GUARDRAILS - {rule.name for rule in rules if rule.effect == "forbid"}):
        raise PolicyLoadError(f"forbids that must always hold are missing: {', '.join(missing)}")
    return {rule.name: rule for rule in rules}


def _names_by_cedar_id(text: str) -> dict[str, str]:
    """Cedar numbers policies by position (`policy7`); diagnostics speak of them so."""
    policies = _parse("policies", text)["staticPolicies"]
    return {cedar_id: policy["annotations"]["id"] for cedar_id, policy in policies.items()}


def _require_valid(text: str, schema: cedarpy.Schema) -> None:
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        problems = "; ".join(error.error for error in result.errors)
        raise PolicyLoadError(f"policies do not fit the schema: {problems}")


def _facts_read(request: Request, rules: Iterable[Rule]) -> Mapping[str, Any]:
    """The facts that `rules` read and that the request holds, by `variable.attribute`."""
    facts = request.facts()
    read = sorted({path for rule in rules for path in rule.reads})
    known = ((path, facts[variable].get(name)) for path in read for variable, _, name in [path.partition(".")])
    return MappingProxyType({path: value for path, value in known if value is not None})
