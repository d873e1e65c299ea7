"""Requests to the service: the token kept to safe connections, repeated only where repeating is safe.

Rules of this module:
1. The token travels over https, or over http to this very machine; any other address is refused before connecting.
2. A request is repeated after a lost connection or a 503 only if it is safe to: it reads, or it carries an idempotency
   key.
3. Every answer that is no success becomes a `ProblemError`; every lost connection a `ServiceUnreachable`.
"""

import random
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
from pydantic import ValidationError

from secure_ds.client.errors import InsecureAddress, ProblemError, ServiceUnreachable, UnexpectedAnswer
from secure_ds.wire.service import Problem

ATTEMPTS: Final = 5
FIRST_PAUSE: Final = 0.25  # seconds; doubles
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
REPEATABLE: Final = frozenset({"GET", "HEAD"})
IDEMPOTENCY: Final = "Idempotency-Key"


class Http:
    """A connection pool to one service."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: such as `https://ds.example.org`.
            token: the bearer token; without one only what is open to all can be asked.
            transport: how requests travel; another one in tests.
            sleep: waits between attempts.

        Raises:
            InsecureAddress: the address is neither https nor on this machine.
        """
        local = _require_safe(base_url)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(
            base_url=base_url, headers=headers, timeout=TIMEOUT, transport=transport, trust_env=not local
        )
        self._sleep = sleep

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def request(
        self, method: str, path: str, *, good: Container[int] = range(200, 300), **parts: Any
    ) -> httpx.Response:
        """Return an answer whose status is `good`, read to its end.

        Args:
            method: GET, HEAD, POST or PUT.
            path: from the service's root.
            good: statuses that are answers.
            parts: httpx's `params`, `headers` and `content`.

        Raises:
            ProblemError: the service refused.
            ServiceUnreachable: no answer came.
        """
        repeatable = method in REPEATABLE or IDEMPOTENCY in (parts.get("headers") or {})
        for pause in pauses(ATTEMPTS if repeatable else 1):
            try:
                answer = self._client.request(method, path, **parts)
            except httpx.TransportError as error:
                failure: Exception = _unreachable(error)
            else:
                if answer.status_code in good:
                    return answer
                failure = _refusal(answer)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise failure
            if pause is None:
                raise failure
            self._sleep(pause)
        raise AssertionError("the last pause is None")

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str] | None = None, **params: Any) -> Iterator[httpx.Response]:
        """Open a successful answer to GET whose body is read as it arrives.

        Raises:
            ProblemError: the service refused.
            ServiceUnreachable: no answer came, or the connection broke while it was read.
        """
        try:
            with self._client.stream("GET", path, headers=headers, params=params) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                yield answer
        except httpx.TransportError as error:
            raise _unreachable(error) from error


def pauses(attempts: int) -> Iterator[float | None]:
    """Yield, for each attempt, how long to wait after it fails: longer each time, never in step with other clients."""
    for attempt in range(attempts - 1):
        yield FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, protects nothing
    yield None


def _unreachable(error: httpx.TransportError) -> ServiceUnreachable:
    return ServiceUnreachable(f"the service does not answer ({type(error).__name__}); is the address right, is it up?")


def _refusal(answer: httpx.Response) -> ProblemError | UnexpectedAnswer:
    try:
        return ProblemError(Problem.model_validate_json(answer.content))
    except ValidationError:
        return UnexpectedAnswer(f"status {answer.status_code} without a problem document; is this a secure_ds service?")


def _require_safe(base_url: str) -> bool:
    """Return whether the service is on this machine."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise InsecureAddress(f"the address {base_url!r} is not a URL such as https://ds.example.org") from None
    local = url.host in LOOPBACK
    if not url.host or (url.scheme != "https" and not (url.scheme == "http" and local)):
        raise InsecureAddress(f"the address {base_url!r} is not https; only on this machine is http accepted")
    return local
