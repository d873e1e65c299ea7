"""What the HTTP layer may be told; the rest it is handed as objects."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Limits and names of one API process.

    Attributes:
        max_json_bytes: longest JSON body.
        max_blob_bytes: longest body of one upload request, whatever the descriptor allows.
        network_zone: where this listener is reached from, as the policies name it; one zone per listener.
        stream_seconds: longest life of one event stream; clients reconnect, and are authenticated again.
        heartbeat_seconds: longest silence on an event stream.
        max_streams: event streams open at once; fewer than there are threads, which each of them holds one of.
    """

    max_json_bytes: int = 16 * 2**20
    max_blob_bytes: int = 512 * 2**20
    network_zone: str = "internal"
    stream_seconds: float = 300.0
    heartbeat_seconds: float = 10.0
    max_streams: int = 32
