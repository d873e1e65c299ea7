"""The custodian's door: a few POSTs on a Unix socket that only its owner may open.

Rules: one act at a time; the caller must be the same user as this process (SO_PEERCRED), whatever the socket's mode
says; refusals are in the audit log and answered 409 with a code, parts that do not answer are 503, and anything
unexpected is 500 without a word.
"""

import base64
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from pydantic import ValidationError

from audit.entry import Outcome
from audit.errors import AuditUnavailable
from hsm.errors import HsmError
from secure_ds.custodian.answering import answer_step
from secure_ds.custodian.certificates import certify
from secure_ds.custodian.checkpoints import checkpoint
from secure_ds.custodian.consents import take_consent
from secure_ds.custodian.context import CustodianContext, deliver, entry, log_now
from secure_ds.custodian.errors import CustodianRefusal
from secure_ds.custodian.grants import grant
from secure_ds.custodian.groups import create_group
from secure_ds.custodian.held_keys import held_key
from secure_ds.custodian.norms import check_norms
from secure_ds.custodian.registration import register
from secure_ds.custodian.sealed.certificates import certify_sealed
from secure_ds.custodian.sealed.grants import grant_sealed
from secure_ds.custodian.sealed.registration import register_sealed
from secure_ds.custodian.sealed.release import release_keys
from secure_ds.custodian.sealed.settlement import settle_sealed
from secure_ds.store.errors import StoreUnavailable
from secure_ds.wire.base import Message
from secure_ds.wire.custodian import (
    CertificateRequest,
    CheckpointSize,
    ConsentMessage,
    CustodianError,
    CustodianHealth,
    DecryptionCount,
    DecryptionQuestion,
    GrantRequest,
    GroupCreation,
    KeyRegistration,
    NormCheck,
    Nothing,
    Registered,
    StepQuestion,
)
from secure_ds.wire.sealed import SealedCertificateRequest, SealedKeyRequest, SettleSealed
from secure_ds.wire.service import PublicKeys

MAX_BODY_BYTES = 64 * 2**20
log = logging.getLogger("secure_ds.custodian")


def create_server(context: CustodianContext, *, over_socket: bool = True) -> Flask:
    """Return the WSGI application; owed audit entries are delivered before it takes the first question.

    Args:
        context: the custodian's parts.
        over_socket: whether callers come over a Unix socket and must show that they are this process' own user. Only a
            caller inside this very process may do without.
    """
    deliver(context)
    app = Flask("secure_ds.custodian")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    lock = threading.Lock()
    for name, (kind, act) in _acts(context).items():
        endpoint = _endpoint(context, kind, act, lock, over_socket=over_socket)
        app.add_url_rule(f"/{name}", name, endpoint, methods=["POST"])
    return app


def _acts(context: CustodianContext) -> dict[str, tuple[type[Message], Callable[[Any], Message]]]:
    return {
        "create_group": (GroupCreation, lambda message: create_group(context, message)),
        "consent": (ConsentMessage, lambda message: take_consent(context, message)),
        "register": (KeyRegistration, lambda message: _register(context, message)),
        "grant": (GrantRequest, lambda message: grant(context, message)),
        "check_norms": (NormCheck, lambda message: check_norms(context, message)),
        "answer": (StepQuestion, lambda message: answer_step(context, message)),
        "register_sealed": (KeyRegistration, lambda message: register_sealed(context, message)),
        "grant_sealed": (GrantRequest, lambda message: grant_sealed(context, message)),
        "release_keys": (SealedKeyRequest, lambda message: release_keys(context, message)),
        "certify_sealed": (SealedCertificateRequest, lambda message: certify_sealed(context, message)),
        "settle_sealed": (SettleSealed, lambda message: settle_sealed(context, message)),
        "certify": (CertificateRequest, lambda message: certify(context, message)),
        "checkpoint": (Nothing, lambda _: CheckpointSize(size=checkpoint(context))),
        "decryptions": (DecryptionQuestion, lambda message: _decryptions(context, message)),
        "public_keys": (Nothing, lambda _: _public_keys(context)),
        "health": (Nothing, lambda _: _health(context)),
    }


def _endpoint(
    context: CustodianContext,
    kind: type[Message],
    act: Callable[[Any], Message],
    lock: threading.Lock,
    *,
    over_socket: bool,
) -> Callable[[], Response]:
    def answer() -> Response:
        if over_socket and not _is_own_user(request.environ):
            return _reply(403, CustodianError(code="foreign_peer", detail="this socket serves one user only"))
        try:
            message = kind.model_validate_json(request.get_data(cache=False))
        except ValidationError:
            return _reply(400, CustodianError(code="malformed", detail="not a message of this act"))
        with lock:
            return _act(context, act, message)

    return answer


def _act(context: CustodianContext, act: Callable[[Any], Message], message: Message) -> Response:
    try:
        try:
            return _reply(200, act(message))
        except CustodianRefusal as refusal:
            _record(context, message, refusal)
            return _reply(409, CustodianError(code=refusal.code, detail=str(refusal), remedy=refusal.remedy))
    except (HsmError, StoreUnavailable, AuditUnavailable) as error:
        log.error("a part does not answer: %s", type(error).__name__)
        return _reply(503, CustodianError(code="unavailable", detail="a part of the custodian does not answer"))
    except Exception as error:
        log.error("unexpected %s", type(error).__name__)  # the message may quote data, so the type alone
        return _reply(500, CustodianError(code="internal", detail="the custodian failed; nothing was released"))


def _record(context: CustodianContext, message: Message, refusal: CustodianRefusal) -> None:
    """File a refusal that nobody else has filed; what it is about is the asker's word, so it goes to the service."""
    if refusal.recorded:
        return
    about = {name: getattr(message, name, None) for name in ("dataset_id", "job_id")}
    details = {"asked": type(message).__name__, "code": refusal.code}
    log_now(context, entry("key:refuse", None, outcome=Outcome.DENIED, details=details, **about))


def _is_own_user(environ: dict[str, Any]) -> bool:
    peer = environ.get("gunicorn.socket")
    if peer is None:
        return False
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user == os.getuid())


def _reply(status: int, message: Message) -> Response:
    return Response(message.model_dump_json(), status=status, mimetype="application/json")


def _register(context: CustodianContext, message: KeyRegistration) -> Registered:
    key = register(context, message)
    return Registered(rotation_key=None if key is None else base64.b64encode(key).decode())


def _decryptions(context: CustodianContext, message: DecryptionQuestion) -> DecryptionCount:
    registration, descriptor = held_key(context, message.dataset_id)
    return DecryptionCount(
        dataset_id=message.dataset_id,
        used=context.journal.releases_of_key(registration.key_id),
        limit=descriptor.limits.max_decryptions,
        prior=descriptor.prior_decryptions,
        checks=context.journal.checks_made(registration.dataset_id),
    )


def _public_keys(context: CustodianContext) -> PublicKeys:
    return context.keyring.public_keys()


def _health(context: CustodianContext) -> CustodianHealth:
    context.keyring.probe()
    keys = context.keyring.describe()
    return CustodianHealth(keystore=context.keyring.public_keys().keystore, token="ok", keys=keys)  # noqa: S106
