"""The keys of a collaboration, made here: no member ever holds the secret one.

Rules: the secret key is wrapped by the HSM under a key of the collaboration's own and leaves in no form; the statement
names members with their upload keys, terms and the digest of every public file, and is signed with the key that clients
have pinned; the public files are handed over once and kept nowhere here.

What this buys depends on who runs the custodian. It must be none of the members: whoever runs it can decrypt what every
one of them uploaded (see the threat model).
"""

import base64
from typing import Any

from pydantic import ValidationError

from hsm.errors import EnvelopeRejected
from secure_ds.ckks.keys import generate_key_files, generate_public_key, generate_secret_key
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import KeyUnknown, TermsRejected
from secure_ds.custodian.journal import Group, Page
from secure_ds.custodian.keyring import CERTIFICATES
from secure_ds.data.collaboration import PAYLOAD_TYPE, Statement, Terms, parse_statement, parse_terms
from secure_ds.data.descriptor import FileReference, KeyFile
from secure_ds.data.errors import InvalidStatement
from secure_ds.data.problems import first_problem
from secure_ds.wire.custodian import GroupCreation, GroupKeys
from secure_ds.wire.datasets import Envelope


def create_group(context: CustodianContext, message: GroupCreation) -> GroupKeys:
    """Make a collaboration's keys and sign its statement.

    Raises:
        TermsRejected: the terms cannot be, or the id is taken.
    """
    terms = _terms(message.terms)
    if context.journal.group(message.collaboration_id) is not None:
        raise TermsRejected("this collaboration has its keys already")
    with generate_secret_key(terms.parameters) as secret:
        public_key = generate_public_key(terms.parameters, secret)
        evaluation = dict(generate_key_files(terms.parameters, secret))
        statement = _statement(message, terms, public_key, evaluation)
        wrapped = context.keyring.wrap_group_secret(
            message.collaboration_id, secret.to_bytes(), _binding(message.collaboration_id, statement.digest)
        )
    envelope = context.keyring.sign(CERTIFICATES, statement.canonical, PAYLOAD_TYPE)
    with context.journal.append() as page:
        page.founded(Group(message.collaboration_id, envelope, wrapped))
        _announce(page, statement)
    deliver(context)
    files = [base64.b64encode(data).decode() for data in (public_key, *evaluation.values())]
    return GroupKeys(envelope=Envelope.model_validate_json(envelope), files=files)


def held_group(context: CustodianContext, collaboration_id: str) -> tuple[Group, Statement]:
    """Return a collaboration's key row and its statement, the signature verified again.

    Raises:
        KeyUnknown: there is none that this custodian made.
    """
    group = context.journal.group(collaboration_id)
    if group is None:
        raise KeyUnknown("the custodian holds no key for this collaboration")
    try:
        payload = context.keyring.verify(CERTIFICATES, group.envelope, PAYLOAD_TYPE)
    except EnvelopeRejected:
        raise KeyUnknown("the custodian holds no key for this collaboration") from None
    return group, parse_statement(payload)


def unwrapped_group(context: CustodianContext, collaboration_id: str) -> SecretKey:
    """Return the secret key of a collaboration, for use in a `with` block that wipes it."""
    group, statement = held_group(context, collaboration_id)
    binding = _binding(collaboration_id, statement.digest)
    return SecretKey.from_bytes(context.keyring.unwrap_secret(group.wrapped_secret, binding))


def _terms(terms: dict[str, Any]) -> Terms:
    try:
        return parse_terms(terms)
    except InvalidStatement as error:
        raise TermsRejected(str(error)) from None


def _statement(message: GroupCreation, terms: Terms, public_key: bytes, evaluation: dict[str, bytes]) -> Statement:
    keys = [KeyFile(name=name, digest=digest_bytes(data), bytes=len(data)) for name, data in evaluation.items()]
    try:
        return Statement(
            collaboration_id=message.collaboration_id,
            called_by=message.called_by,
            terms=terms,
            public_key=FileReference(digest=digest_bytes(public_key), bytes=len(public_key)),
            evaluation_keys=tuple(keys),
        )
    except ValidationError as error:
        raise TermsRejected(first_problem(error, "statement")) from None


def _announce(page: Page, statement: Statement) -> None:
    """Tell every member, in its own log."""
    named = {member.tenant: member.upload_key for member in statement.terms.members}
    for member in named:
        event_id = f"key:found/{statement.collaboration_id}/{member}"
        draft = entry(
            "key:found",
            member,
            object_id=statement.collaboration_id,
            details={"statement": statement.digest, "members": named},
            event_id=event_id,
        )
        page.announce(event_id, as_json(draft))


def _binding(collaboration_id: str, statement_digest: str) -> bytes:
    return f"ckks-group-secret-key/1/{collaboration_id}/{statement_digest}".encode()
