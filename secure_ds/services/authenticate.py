"""API tokens: `sds_<token id without prefix>_<secret>`, stored as the SHA-256 of the secret, compared in constant time.

The secret has 256 random bits, so a fast hash is the right one: there is nothing to guess.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from audit.entry import Actor, ActorKind, EntryDraft, Outcome
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller, Principal, Role
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import ExpiredToken, InvalidToken, UserDiffers
from secure_ds.services.gate import unavailable_parts
from secure_ds.store.rows import TokenRow, UserRow
from secure_ds.store.unit_of_work import Store, UnitOfWork
from secure_ds.wire.service import WhoAmI

_FORM: Final = re.compile(r"sds_([a-z2-7]{26})_([A-Za-z0-9_-]{43})")
_NO_SECRET: Final = "0" * 64
OPERATOR: Final = Actor("local-operator", None, (), ActorKind.SERVICE)
"""Whoever runs commands on the service's own machine; the operating system is their door."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token; `text` is shown once and stored nowhere."""

    token_id: str
    text: str


def authenticate(context: ServiceContext, bearer: str) -> Principal:
    """Return the principal that a bearer token stands for.

    Raises:
        InvalidToken: malformed, unknown, revoked, or its user is disabled; all answered alike.
        ExpiredToken: it was good once.
        ServiceUnavailable: the database does not answer.
    """
    match = _FORM.fullmatch(bearer)
    if match is None:
        raise InvalidToken("the bearer token is not valid", remedy="ask the operator for a token")
    with unavailable_parts(), context.store.read() as work:
        found = work.tokens.find(f"tok_{match[1]}")
    stored = found[0].secret_sha256 if found else _NO_SECRET
    matches = hmac.compare_digest(_hash(match[2]), stored)
    if not matches or found is None or found[0].revoked or found[1].disabled:
        raise InvalidToken("the bearer token is not valid", remedy="ask the operator for a token")
    token, user = found
    if token.expires_at <= context.clock.now():
        raise ExpiredToken("the bearer token has expired", remedy="ask the operator for a new one")
    return _principal(user)


def who_am_i(caller: Caller) -> WhoAmI:
    """Return the caller as the service sees them."""
    principal = caller.principal
    return WhoAmI(
        id=principal.id,
        tenant=principal.tenant,
        roles=sorted(principal.roles),
        purposes=sorted(principal.purposes),
        clearance=principal.clearance,
    )


def issue_token(store: Store, user: UserRow, lifetime: timedelta) -> IssuedToken:
    """Make a token for a user, adding the user if they are new. For the operator on the service's own machine.

    Raises:
        UserDiffers: the user exists with other attributes; a token would speak for somebody else than was named.
    """
    token_id, secret = new_id("tok"), secrets.token_urlsafe(32)
    with store.write() as work:
        now = work.now
        _require_same(work.users.get(user.id) or _added(work, user), user)
        work.tokens.add(TokenRow(token_id, user.id, _hash(secret), now, now + lifetime))
        _record(work, "token:issue", user, token_id)
    return IssuedToken(token_id, f"sds_{token_id.removeprefix('tok_')}_{secret}")


def revoke_token(store: Store, token_id: str) -> None:
    """Revoke a token at once.

    Raises:
        InvalidToken: there is no such token.
    """
    with store.write() as work:
        found = work.tokens.find(token_id)
        if found is None:
            raise InvalidToken("there is no such token")
        work.tokens.revoke(token_id)
        _record(work, "token:revoke", found[1], token_id)


def _added(work: UnitOfWork, user: UserRow) -> UserRow:
    work.users.add(user)
    return user


def _require_same(known: UserRow, named: UserRow) -> None:
    names = ("tenant", "roles", "purposes", "clearance", "disabled")
    if differing := [name for name in names if getattr(known, name) != getattr(named, name)]:
        raise UserDiffers(
            f"a user {known.id} exists with another {' and '.join(differing)}",
            remedy="name the user as they were added, or choose another user name",
        )


def _record(work: UnitOfWork, action: str, user: UserRow, token_id: str) -> None:
    work.audit.append(
        EntryDraft(
            action=action,
            actor=OPERATOR,
            tenant=user.tenant,
            outcome=Outcome.DONE,
            object_id=token_id,
            details={"user": user.id, "roles": sorted(user.roles)},
        )
    )


def _principal(user: UserRow) -> Principal:
    return Principal(
        id=user.id,
        tenant=user.tenant,
        roles=frozenset(Role(role) for role in user.roles),
        purposes=user.purposes,
        clearance=user.clearance,
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
