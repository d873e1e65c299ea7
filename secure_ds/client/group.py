"""What an owner does in a collaboration: encrypt under the group's key, consent, and take the consent back.

Rules kept here:

1. Nothing is encrypted under a key that the custodian did not vouch for: the statement's signature is checked against
   the pinned keys, and the public key against the statement.
2. Nothing is encrypted, and nothing consented to, where the statement names another upload key than the owner's own for
   the owner's tenant. The other members' keys are shown; whether they are theirs, people find out among themselves.
3. The owner reads the terms first: who the members are and who runs the custodian decides what the encryption is worth.
   Whoever holds the group's secret key can read these records.
4. A withdrawal counts once the custodian's own receipt is here, not when the service says so.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.encryption import n_blocks
from secure_ds.ckks.format import check_public_key
from secure_ds.ckks.input_files import PUBLIC_KEY
from secure_ds.client.client import Client
from secure_ds.client.errors import InvalidDeclaration, KeyNotListed, UntrustedService
from secure_ds.client.package import (
    BLOBS,
    DESCRIPTOR_FILE,
    BlobWriter,
    Declaration,
    Progress,
    describe,
    design_matrix,
    prepare_directory,
    write_columns,
    write_last,
)
from secure_ds.client.statement import open_statement, signed_by_custodian
from secure_ds.client.upload_key import public_key_text
from secure_ds.core.ids import new_id
from secure_ds.data.collaboration import Statement
from secure_ds.data.consent import JOINED, RECEIPT_TYPE, Consent, Verdict, receipt_of, sign_consent
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.records import Records
from secure_ds.data.signed_descriptor import sign_descriptor
from secure_ds.wire.collaborations import ConsentView
from secure_ds.wire.service import PublicKeys

NO_GROUP: Final = "this data set is under a key of its own; it cannot take part in a collaboration"


def fetch_group(client: Client, collaboration_id: str, pinned: PublicKeys) -> tuple[Statement, bytes]:
    """Return a collaboration's statement and its public key, both checked.

    Raises:
        UntrustedService: the custodian did not sign it, or it is another collaboration's.
        MalformedCiphertext: the public key is none.
    """
    statement = open_statement(client.statement(collaboration_id), pinned)
    if statement.collaboration_id != collaboration_id:
        raise UntrustedService("the service shows the statement of another collaboration")
    public_key = client.group_file(collaboration_id, statement.public_key.digest)
    check_public_key(public_key, statement.terms.parameters)
    return statement, public_key


def write_group_package(
    directory: Path,
    records: Records,
    declaration: Declaration,
    statement: Statement,
    public_key: bytes,
    upload_key: Ed25519PrivateKey,
    progress: Progress = lambda done, total: None,
) -> DatasetDescriptor:
    """Encrypt records into a new package under the key of a collaboration.

    Args:
        directory: must not exist, or be empty.
        records: in the clear, in memory.
        declaration: the owner's decisions; what members have in common must be as the terms say.
        statement: of the collaboration, its signature checked.
        public_key: the group's, as `fetch_group` returned it.
        upload_key: signs the descriptor, and later the consent.
        progress: told about every file written.

    Raises:
        KeyNotListed: the terms name another upload key for the owner's tenant.
        InvalidDeclaration: it departs from the terms.
        InvalidPackage: the directory is not empty.
        InvalidRecords: a cell or label cannot be used.
    """
    _require_terms(statement, declaration, len(records))
    require_own_key(statement, declaration.tenant, upload_key)
    tolerance = float.fromhex(statement.terms.eta)
    declaration = replace(declaration, profile=replace(declaration.profile, eta=tolerance))
    matrix = design_matrix(records, declaration)
    prepare_directory(directory)
    total = matrix.shape[1] * n_blocks(declaration.profile.parameters, len(records))
    blobs = BlobWriter(directory / BLOBS, total, progress)
    descriptor = describe(
        declaration,
        upload_key,
        dataset_id=new_id("ds"),
        n_records=len(records),
        encryption=PUBLIC_KEY,
        sealed_key=None,
        group=statement.reference,
        evaluation_keys=statement.evaluation_keys,
        blocks=write_columns(blobs, declaration, public_key, matrix),
    )
    write_last(directory / DESCRIPTOR_FILE, sign_descriptor(descriptor, upload_key))
    return descriptor


def require_own_key(statement: Statement, tenant: str, upload_key: Ed25519PrivateKey) -> None:
    """Make sure that the owner's own key, and no other, speaks for its tenant in a collaboration.

    Raises:
        KeyNotListed: it does not.
    """
    named, own = statement.terms.upload_key_of(tenant), public_key_text(upload_key)
    if named != own:
        raise KeyNotListed(
            f"the collaboration names {named or 'no upload key'} for {tenant}, and your upload key is {own}; "
            "let another one be called for, with your key"
        )


def consent_to(descriptor: DatasetDescriptor, verdict: Verdict, upload_key: Ed25519PrivateKey) -> tuple[Consent, bytes]:
    """Return a data set's consent to its collaboration, or the withdrawal of it, and its envelope.

    Raises:
        InvalidDeclaration: the data set is under a key of its own and takes part in nothing.
    """
    if descriptor.group is None:
        raise InvalidDeclaration(NO_GROUP)
    consent = Consent(
        collaboration_id=descriptor.group.collaboration_id,
        statement_digest=descriptor.group.statement_digest,
        dataset_id=descriptor.dataset_id,
        descriptor_digest=descriptor.digest,
        verdict=verdict,
        number=time.time_ns() // 1_000_000,
    )
    return consent, sign_consent(consent, upload_key)


def give_consent(
    client: Client, dataset_id: str, verdict: Verdict, upload_key: Ed25519PrivateKey, pinned: PublicKeys
) -> ConsentView:
    """Consent, or take the consent back, and return what the custodian confirmed.

    Joining, the owner's key must be the one that the collaboration names; nothing keeps an owner from withdrawing.

    Raises:
        UntrustedService: the statement is not the one that the data set was encrypted for, or there is no receipt of
            the custodian's for this very consent; it may not be in force.
        KeyNotListed: the terms name another upload key for the owner's tenant.
        ProblemError: the service or the custodian refuses it.
    """
    descriptor = client.descriptor(dataset_id)
    consent, envelope = consent_to(descriptor, verdict, upload_key)
    if verdict == JOINED:
        require_own_key(own_statement(client, descriptor, pinned), descriptor.tenant, upload_key)
    send = client.join if verdict == JOINED else client.withdraw
    view = send(dataset_id, envelope)
    if signed_by_custodian(view.receipt.model_dump_json().encode(), RECEIPT_TYPE, pinned) != receipt_of(consent):
        raise UntrustedService("the custodian's receipt is for another consent than was sent")
    return view


def own_statement(client: Client, descriptor: DatasetDescriptor, pinned: PublicKeys) -> Statement:
    """Return the statement of a data set's collaboration, checked: signed, and the one that the descriptor names.

    Raises:
        UntrustedService: the custodian did not sign it, or it is another one.
        InvalidDeclaration: the data set is under a key of its own.
    """
    group = descriptor.group
    if group is None:
        raise InvalidDeclaration(NO_GROUP)
    statement = open_statement(client.statement(group.collaboration_id), pinned)
    if statement.reference != group:
        raise UntrustedService("the service shows another statement than the data set was encrypted for")
    return statement


def _require_terms(statement: Statement, declaration: Declaration, n_records: int) -> None:
    terms, profile = statement.terms, declaration.profile
    agree = {
        f"tenant (the members are {', '.join(terms.tenants)})": declaration.tenant in terms.tenants,
        "purposes": set(declaration.limits.purposes) <= set(terms.purposes),
        "feature_map": declaration.feature_map == terms.feature_map,
        "classes": declaration.classes == terms.classes,
        "profile": (profile.parameters, profile.input_scale.hex()) == (terms.parameters, terms.input_scale),
        f"number of records (at most {terms.max_records})": n_records <= terms.max_records,
        f"max_decryptions (all have {terms.max_decryptions})": declaration.limits.max_decryptions
        == terms.max_decryptions,
        "dual_evaluation_required": declaration.limits.dual_evaluation_required >= terms.dual_evaluation_required,
    }
    if differing := [name for name, same in agree.items() if not same]:
        raise InvalidDeclaration(f"the declaration departs from the collaboration's terms: {', '.join(differing)}")
