"""Who asks: the bearer token of a request, turned into a caller before anything else of the request is read."""

import re
from typing import Final

from flask import Request, g

from api.settings import ApiSettings
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.services.errors import InvalidToken

_AUTHORIZATION: Final = re.compile(r"(?i:Bearer) +([A-Za-z0-9._~+/-]{1,512}=*)")
_REMEDY: Final = "send the header `Authorization: Bearer <token>`; the operator issues tokens"


def authenticate(request: Request, verbs: Verbs, settings: ApiSettings) -> Caller:
    """Return the verified caller.

    Raises:
        InvalidToken: there is no usable `Authorization` header, or the token is not good.
        ExpiredToken: the token was good once.
    """
    header = request.headers.get("Authorization")
    if header is None:
        raise InvalidToken("this operation needs a bearer token", remedy=_REMEDY)
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise InvalidToken("the Authorization header is not `Bearer` and a token", remedy=_REMEDY)
    principal = verbs.authenticate(match[1])
    g.principal_id = principal.id
    return Caller(principal, g.request_id, settings.network_zone)
