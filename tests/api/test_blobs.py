"""Uploads: whole, in parts, resumed, too large, not what was signed; and downloads."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from api.openapi.raw_body import RawBody
from tests.api.conftest import MAX_BLOB
from tests.simulators.services import SimulatedService, digest_of

BLOB = bytes(range(256)) * 20
OCTETS = "application/octet-stream"


def put(http: FlaskClient, url: str, body: Any, offset: int | None = None, **kwargs: Any) -> Any:
    headers = {} if offset is None else {"Upload-Offset": str(offset)}
    return http.put(url, data=body, headers=headers, content_type=OCTETS, **kwargs)


@pytest.fixture
def url(service: SimulatedService) -> str:
    return f"/v1/datasets/{service.add_dataset(BLOB).id}/blobs/{digest_of(BLOB)}"


def test_whole_blob_arrives_and_can_be_fetched(http: FlaskClient, url: str) -> None:
    response = put(http, url, BLOB)
    assert response.get_json() == {"digest": digest_of(BLOB), "offset": len(BLOB), "total": len(BLOB), "complete": True}
    assert http.get(url).data == BLOB
    assert http.get(url).mimetype == OCTETS


def test_status_is_in_headers(http: FlaskClient, url: str) -> None:
    put(http, url, BLOB[:1000])
    headers = http.head(url).headers
    assert (headers["Upload-Offset"], headers["Upload-Length"], headers["Upload-Complete"]) == ("1000", "5120", "?0")
    put(http, url, BLOB[1000:], offset=1000)
    assert http.head(url).headers["Upload-Complete"] == "?1"


def test_part_at_the_wrong_place_is_refused(http: FlaskClient, url: str) -> None:
    put(http, url, BLOB[:1000])
    response = put(http, url, BLOB[2000:], offset=2000)
    assert (response.status_code, response.get_json()["code"]) == (409, "upload_offset_mismatch")
    assert http.head(url).headers["Upload-Offset"] == "1000"


def test_other_bytes_than_signed_are_refused(http: FlaskClient, url: str) -> None:
    response = put(http, url, BLOB[::-1])
    assert (response.status_code, response.get_json()["code"]) == (422, "digest_mismatch")
    assert http.head(url).headers["Upload-Offset"] == "0"


def test_chunked_body_arrives(http: FlaskClient, url: str) -> None:
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": None}
    response = put(http, url, None, input_stream=io.BytesIO(BLOB), environ_overrides=environ)
    assert response.get_json()["complete"]


def test_chunked_body_over_the_limit_is_cut_off(http: FlaskClient, service: SimulatedService) -> None:
    content = b"\0" * (2 * MAX_BLOB)
    url = f"/v1/datasets/{service.add_dataset(content).id}/blobs/{digest_of(content)}"
    source = io.BytesIO(content)
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": None}
    response = put(http, url, None, input_stream=source, environ_overrides=environ)
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")
    assert source.tell() <= MAX_BLOB


class Unread(io.RawIOBase):
    """A body that must not be read."""

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


def test_two_gigabytes_are_refused_unread(http: FlaskClient, service: SimulatedService, url: str) -> None:
    environ = {"CONTENT_LENGTH": str(2 * 2**30), "wsgi.input": Unread()}
    response = put(http, url, None, environ_overrides=environ)
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")
    assert "upload_blob" not in [name for name, _ in service.calls]


def test_two_gigabytes_of_json_are_refused_unread(http: FlaskClient) -> None:
    environ = {"CONTENT_LENGTH": str(2 * 2**30), "wsgi.input": Unread()}
    response = http.post("/v1/jobs", environ_overrides=environ, content_type="application/json")
    assert response.status_code == 413


def test_more_than_the_descriptor_says_is_refused(http: FlaskClient, url: str) -> None:
    assert put(http, url, BLOB + b"x").status_code == 413


def test_dropped_connection_keeps_what_arrived(http: FlaskClient, url: str) -> None:
    environ = {"CONTENT_LENGTH": str(len(BLOB))}
    response = put(http, url, None, input_stream=io.BytesIO(BLOB[:1500]), environ_overrides=environ)
    assert response.get_json()["offset"] == 1500
    assert put(http, url, BLOB[1500:], offset=1500).get_json()["complete"]


@pytest.mark.parametrize("offset", ["-1", "x", "1.5", str(2**53), "٣"])
def test_malformed_offsets_are_refused(http: FlaskClient, url: str, offset: str) -> None:
    response = http.put(url, data=BLOB, content_type=OCTETS, headers={"Upload-Offset": offset})
    assert (response.status_code, response.get_json()["code"]) == (422, "invalid_request")


def test_upload_needs_its_content_type(http: FlaskClient, url: str) -> None:
    assert http.put(url, data=BLOB, content_type="text/plain").status_code == 415


def test_unannounced_blob_is_not_found(http: FlaskClient, service: SimulatedService) -> None:
    view = service.add_dataset(BLOB)
    assert put(http, f"/v1/datasets/{view.id}/blobs/{digest_of(b'other')}", b"other").status_code == 404


def test_finish_names_what_is_missing(http: FlaskClient, url: str) -> None:
    finish = url.partition("/blobs/")[0] + "/finish"
    response = http.post(finish)
    assert (response.status_code, response.get_json()["facts"]) == (409, {"missing": 1})
    put(http, url, BLOB)
    assert http.post(finish).get_json()["state"] == "checking"


class FakeRequest:
    """The part of a request that `RawBody` reads."""

    content_length = 10
    max_content_length: int | None = None

    def __init__(self, failure: Exception) -> None:
        self._pieces: list[bytes | Exception] = [b"some", failure]
        self.stream = self

    def read(self, size: int) -> bytes:
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece


def test_raw_body_ends_where_the_client_left() -> None:
    request: Any = FakeRequest(ClientDisconnected())
    assert RawBody(request, 100).stream.read() == b"some"
    assert request.max_content_length == 100


def test_raw_body_lets_other_errors_through() -> None:
    request: Any = FakeRequest(RequestEntityTooLarge())
    with pytest.raises(RequestEntityTooLarge):
        RawBody(request, 100).stream.read()
