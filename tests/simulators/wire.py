"""A connection that a test can cut: before a request, in the middle of its body, or in the middle of its answer."""

from collections.abc import Callable, Iterator

import httpx

Fault = Callable[[httpx.BaseTransport, httpx.Request], httpx.Response]


class Saboteur(httpx.BaseTransport):
    """Passes requests on, unless a fault is waiting for its turn; each fault strikes once, `None` lets one pass."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self.faults: list[Fault | None] = []
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        return fault(self._transport, request) if fault else self._transport.handle_request(request)

    @property
    def methods(self) -> list[str]:
        """The methods of the requests that were tried."""
        return [request.method for request in self.requests]


def refuse_connection(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
    """Never get through."""
    raise httpx.ConnectError("refused")


def lose_answer(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
    """Let the request be carried out, and lose the answer."""
    transport.handle_request(request).read()
    raise httpx.ReadError("lost")


def cut_body_after(count: int) -> Fault:
    """Deliver the first `count` bytes of the body, then break the connection."""

    def fault(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
        part = request.read()[:count]
        headers = {**request.headers, "Content-Length": str(len(part))}
        transport.handle_request(httpx.Request(request.method, request.url, headers=headers, content=part)).read()
        raise httpx.WriteError("broken")

    return fault


def cut_answer_after(count: int) -> Fault:
    """Deliver the first `count` bytes of the answer, then break the connection."""

    def fault(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
        answer = transport.handle_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=_Cut(answer.read()[:count]))

    return fault


class _Cut(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("broken")


def answer_with(status: int, content: bytes, media: str = "application/json") -> Fault:
    """Answer in the service's place."""

    def fault(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Content-Type": media}, content=content)

    return fault
