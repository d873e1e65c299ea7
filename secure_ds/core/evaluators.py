"""Who may evaluate: the public keys of workers, each with the trust domain that runs it.

Rules:
    - A domain is whoever could make its workers lie: an operator, a machine room, an organisation. Two workers of one
      domain are one witness.
    - A key belongs to one domain, so nobody is two witnesses under one key.
    - The list is configuration. What a worker says its domain is counts for nothing against it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

WITNESSES = 2  # domains that must agree before a step of a dual evaluation is answered

Domain = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Evaluator(BaseModel):
    """One worker's public key (Ed25519, 32 raw bytes in hexadecimal) and its trust domain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: Domain
    public_key: PublicKey


@dataclass(frozen=True)
class Evaluators:
    """The workers that an installation trusts to evaluate, each as far as its domain.

    Raises:
        ValueError: a key is listed twice.
    """

    listed: tuple[Evaluator, ...] = ()

    def __post_init__(self) -> None:
        if len(self._domains) != len(self.listed):
            raise ValueError("a public key is listed twice; a key belongs to one evaluator of one domain")

    @cached_property
    def _domains(self) -> dict[str, str]:
        return {evaluator.public_key: evaluator.domain for evaluator in self.listed}

    def domain_of(self, public_key: str) -> str | None:
        """Return the domain that a key belongs to; None for a key that is not listed."""
        return self._domains.get(public_key)

    @property
    def domains(self) -> tuple[str, ...]:
        """Every domain, once, in order."""
        return distinct(self._domains.values())

    @property
    def suffice(self) -> bool:
        """Whether dual evaluation is possible: as many domains as it takes witnesses."""
        return len(self.domains) >= WITNESSES


NOBODY = Evaluators()


def too_few_evaluators(evaluators: Evaluators) -> str:
    """Why dual evaluation is not possible, in words."""
    listed = f"one, {evaluators.domains[0]}" if evaluators.domains else "none"
    return f"dual evaluation needs workers of {WITNESSES} trust domains; here workers are listed of {listed}"


def distinct(domains: Iterable[str]) -> tuple[str, ...]:
    """Domains once each, in order."""
    return tuple(sorted(set(domains)))
