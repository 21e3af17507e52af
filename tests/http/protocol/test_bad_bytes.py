"""Bytes that are no HTTP, bodies that break off, clients that leave: over raw sockets."""

import json
import socket
import struct
from collections.abc import Callable
from contextlib import closing

import pytest
from lake_server import Lake
from raw_http import read_answer, read_to_end
from refusals import nothing_changes, refused
from waiting import wait_until

HOST = b"Host: localhost\r\n"
PUT = b"PUT /v1/storage/put/bad HTTP/1.1\r\n" + HOST

NOT_HTTP = [
    b"hello\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret",
    b"\x00\x00\x00\x00\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /secret\r\n\r\n",
    b"GET /secret\r\n" + HOST + b"\r\n",
    b"GET /secret HTTP/0.9\r\n" + HOST + b"\r\n",
    b"GET /secret HTTP/2.0\r\n" + HOST + b"\r\n",
    b"GET /secret HTTP/9\r\n" + HOST + b"\r\n",
    b"SECRET /health\r\n" + HOST + b"\r\n",
    b"SECRET\x01 /health HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /health HTTP/1.1\r\nno colon here: \x01secret\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"Host: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X-A: secret\x00\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X-\xff: secret\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X-A: " + b"s" * 9000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n" * 200 + b"\r\n",
    b"GET /" + b"s" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v1/storage/get/secret\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v1/storage/get/a\x01secret HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v1/storage/get/a secret HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http://[secret/health HTTP/1.1\r\n" + HOST + b"\r\n",
    PUT + b"Content-Length: -3\r\n\r\nsecret",
    PUT + b"Content-Length: +3\r\n\r\nsecret",
    PUT + b"Content-Length: 3,3\r\n\r\nsecret",
    PUT + b"Content-Length: 0x3\r\n\r\nsecret",
    PUT + b"Content-Length: 99999999999999999999999\r\n\r\nsecret",
    PUT + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nsecret",
    PUT + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: gzip\r\n\r\nsecret",
    PUT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=lambda sent: repr(sent[:40]))
def test_what_is_no_http_gets_a_bare_400_without_an_echo(lake: Lake, sent: bytes) -> None:
    with nothing_changes(lake):
        head, _, body = lake.raw(sent).partition(b"\r\n\r\n")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert body == b""
    assert b"secret" not in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    assert b"x-request-id: " in head.lower()


@pytest.mark.parametrize("method", [b"FOO", b"SECRET", b"get", b"M-X"])
def test_another_method_is_a_problem_without_an_echo(lake: Lake, method: bytes) -> None:
    with nothing_changes(lake):
        answer = lake.raw(method + b" /health HTTP/1.1\r\n" + HOST + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    found = int(head.split()[1]), json.loads(body)["code"]
    assert found == (501, "method_not_supported")
    assert method not in head + body.replace(b'"method_', b"")


MALFORMED_CHUNKS = [
    b"zz\r\nabc\r\n0\r\n\r\n",
    b"-1\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcdef\r\n0\r\n\r\n",
    b"fffffffffffffffffff\r\n",
    b"3\r\nabcX\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("chunks", MALFORMED_CHUNKS)
def test_malformed_chunks_right_after_the_head(lake: Lake, chunks: bytes) -> None:
    with nothing_changes(lake):
        answer = lake.raw(PUT + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert b" 400 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize("chunks", MALFORMED_CHUNKS)
def test_malformed_chunks_after_good_ones_are_told_at_once(lake: Lake, chunks: bytes) -> None:
    with nothing_changes(lake), closing(lake.connect()) as sock:
        sock.sendall(PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wait_until(lambda: lake.service._puts.inside == 1)
        sock.sendall(chunks)
        refused(read_answer(sock), 400, "incomplete_body")  # Had it waited: 408, body_too_slow.
        assert read_to_end(sock) == b""
    wait_until(lambda: lake.service._puts.inside == 0)


@pytest.mark.parametrize(
    "sent",
    [
        PUT + b"Content-Length: 10\r\n\r\nabc",
        PUT + b"Content-Length: 10\r\n\r\n",
        PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        b"POST /v1/ingest?name=cut HTTP/1.1\r\n" + HOST + b"Content-Length: 99\r\n\r\na\n1\n",
        b"POST /v1/catalog/register HTTP/1.1\r\n" + HOST + b"Content-Length: 99\r\n\r\n{",
        b"POST /v1/sql HTTP/1.1\r\n" + HOST + b'Content-Length: 99\r\n\r\n{"sql":"SELECT 1"}',
    ],
)
def test_a_body_that_ends_early_is_told_to_a_client_that_still_listens(
    lake: Lake, sent: bytes
) -> None:
    with nothing_changes(lake), closing(lake.connect()) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        refused(read_answer(sock), 400, "incomplete_body")
        assert read_to_end(sock) == b""
    assert lake.service._puts.inside == lake.service._ingests.inside == 0


def test_a_body_that_ends_early_after_its_answer_is_no_fault(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST /v1/stream/x?odd=1 HTTP/1.1\r\n" + HOST + b"Content-Length: 99\r\n\r\n"
    with closing(lake.connect()) as sock:
        sock.sendall(head)
        refused(read_answer(sock), 400, "invalid_request")
        sock.sendall(b"{")
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b""
    assert [each for each in caplog.records if each.name.startswith("aiohttp")] == []


def test_a_client_that_closed_its_side_still_gets_its_answer(lake: Lake) -> None:
    assert b'"status":"ok"' in lake.raw(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n", end=True)
    answer = lake.raw(PUT + b"Content-Length: 5\r\n\r\nwhole", end=True)
    assert b" 200 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize(
    ("head", "inside"),
    [
        (PUT + b"Content-Length: 3000000\r\n\r\n", lambda lake: lake.service._puts.inside),
        (
            b"POST /v1/ingest?name=gone HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n",
            lambda lake: lake.service._ingests.inside,
        ),
    ],
    ids=["put", "ingest"],
)
def test_a_client_gone_mid_upload_leaves_nothing(
    lake: Lake, head: bytes, inside: Callable[[Lake], int], reset: bool
) -> None:
    with nothing_changes(lake):
        with closing(lake.connect()) as sock:
            sock.sendall(head + b"x" * 2_500_000)
            wait_until(lambda: inside(lake) == 1 and len(lake.spooled()) == 1)
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: inside(lake) == 0 and not lake.spooled())


def test_what_follows_a_body_beyond_its_length_is_another_request(lake: Lake) -> None:
    answers = lake.raw(PUT + b"Content-Length: 3\r\n\r\nabcdef\r\n\r\n")
    refused = answers.split()[1] in (b"400", b"501")
    assert answers.count(b"HTTP/1.") == 2 or refused
    held = lake.get("bad")
    assert held.body in (b"abc", b"whole")


def test_requests_that_share_a_connection_are_answered_in_order(lake: Lake) -> None:
    with closing(lake.connect()) as sock:
        first = b"PUT /v1/storage/put/pipe HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi"
        sock.sendall(first + b"GET /v1/storage/get/pipe HTTP/1.1\r\n" + HOST + b"\r\n")
        received = b""
        while not received.endswith(b"\r\n\r\nhi"):
            received += sock.recv(65536)
    assert received.count(b" 200 OK") == 2


def test_a_refusal_before_the_body_leaves_the_connection_usable_or_closed(lake: Lake) -> None:
    """Never may the rest of a body be taken for a request."""
    body = b"GET /v1/storage/put/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
    length = str(len(body)).encode()
    sent = b"PUT /v1/storage/put/a//b HTTP/1.1\r\n" + HOST + b"Content-Length: " + length
    answers = lake.raw(sent + b"\r\n\r\n" + body)
    assert answers.count(b"HTTP/1.1") == 1
    assert b"invalid_key" in answers


def test_an_upgrade_is_not_taken_up(lake: Lake) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade, close"}
    assert lake.ask("GET", "/health", headers=upgrade).status == 200


@pytest.mark.parametrize("coding", ["gzip, chunked", "Gzip,Chunked", "identity, chunked"])
def test_a_transfer_coding_beside_chunked_is_refused(lake: Lake, coding: str) -> None:
    body = b"3\r\nabc\r\n0\r\n\r\n"
    with nothing_changes(lake):
        answer = lake.put("bad", body, {"Transfer-Encoding": coding})
    refused(answer, 501, "transfer_coding_not_supported")


def test_http_1_0_has_no_chunks(lake: Lake) -> None:
    head = b"PUT /v1/storage/put/bad HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with nothing_changes(lake):
        answer = lake.raw(head + b"3\r\nabc\r\n0\r\n\r\n")
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b'"invalid_request"' in answer
