"""What a gateway sends to its upstreams, and how it takes their faults: upstreams are scripted here."""

import socket
import ssl
import threading
from contextlib import closing

import pytest
import trustme
from gateway_server import head_of, running_gateway, scripted
from raw_http import read_answer, read_to_end
from refusals import refused

from lakehouse.roles import ROLES

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WAIT_S = 60.0


def test_another_token_of_the_principal_reads_its_changes_too() -> None:
    heads: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        head = head_of(connection)
        heads.append(head)
        body = b'{"principal": "ana"}'
        seq = b"X-Journal-Seq: 7\r\n" if head.startswith(b"PUT") else b""
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s"
            % (seq, len(body), body)
        )

    with scripted(answer) as url, running_gateway({"storage": url, "catalog": url}) as gateway:
        gateway.token = "one"
        assert gateway.ask("PUT", "/v1/storage/put/k", b"").status == 200
        gateway.token = "two"
        assert gateway.ask("GET", "/v1/storage/get/k").status == 200
        assert b"x-min-seq: 7\r\n" in heads[-1].lower()


def test_clients_wait_for_their_own_changes_only() -> None:
    heads: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(
            b"HTTP/1.1 404 Not Found\r\nX-Journal-Seq: 7\r\nContent-Length: 0\r\n\r\n"
        )

    with scripted(answer) as url, running_gateway({"storage": url}) as gateway:
        gateway.ask("PUT", "/v1/storage/put/k", b"")
        gateway.ask("GET", "/v1/storage/get/k")
    assert len(heads) == 2
    assert b"min-seq" not in heads[-1].lower()


def test_a_role_whose_certificate_is_not_trusted_is_sent_nothing() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    received: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                received.append(encrypted.recv(65536))
        except (ssl.SSLError, ConnectionError):
            received.append(b"")

    with scripted(answer) as url:
        place = url.replace("http://127.0.0.1", "https://localhost")
        with running_gateway({"sql": place}) as gateway:
            asked = gateway.ask("POST", "/v1/sql", {"sql": "SELECT 1"})
            refused(asked, 502, "upstream_unavailable")
    assert {*received} == {b""}


def test_without_any_role_the_gateway_is_not_ready() -> None:
    with running_gateway({}) as gateway:
        answer = gateway.ask("GET", "/ready")
        refused(answer, 503, "roles_unavailable")
        missing = {each["role"]: each["code"] for each in answer.json["errors"]}
        assert missing == dict.fromkeys(ROLES, "upstream_unavailable")
        assert gateway.ask("GET", "/health").status == 200


def test_the_path_of_an_upstream_comes_before_the_route_as_it_was_sent() -> None:
    heads: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(OK)

    with scripted(answer) as url, running_gateway({"storage": f"{url}/base/lake/"}) as gateway:
        for target in (
            b"/v1/storage/get/a%2Fb/../c%20d?as_of=1&x=%41",
            b"/v1/storage/get/%C3%A9?",
            b"/v1/storage/list",
        ):
            assert gateway.ask("GET", target).body == b"ok"
    assert [head.split(b" ")[1] for head in heads] == [
        b"/base/lake/storage/get/a%2Fb/../c%20d?as_of=1&x=%41",
        b"/base/lake/storage/get/%C3%A9",
        b"/base/lake/storage/list",
    ]
    host = url.removeprefix("http://").encode()
    assert all(b"Host: " + host in head for head in heads)


def test_the_next_upstream_is_tried_when_one_accepts_no_connection() -> None:
    def answer(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)

    with (
        scripted(answer) as url,
        running_gateway({"storage": ("http://127.0.0.1:1", url)}) as gateway,
    ):
        assert gateway.ask("PUT", "/v1/storage/put/k", b"12345").body == b"ok"
        assert gateway.ask("GET", "/v1/storage/get/k").body == b"ok"


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("PUT", "/v1/storage/put/k", (503, "outcome_unknown")),
        ("POST", "/v1/sql", (502, "upstream_unavailable")),
    ],
)
def test_nothing_is_sent_twice(method: str, path: str, refusal: tuple[int, str]) -> None:
    heads: list[bytes] = []

    def lose(connection: socket.socket) -> None:
        heads.append(head_of(connection))

    with scripted(lose) as first, scripted(lose) as second:
        urls = {"storage": (first, second), "sql": (first, second)}
        with running_gateway(urls) as gateway:
            refused(gateway.ask(method, path, b"12345"), *refusal)
    assert len(heads) == 1


def test_an_answer_that_breaks_off_breaks_off_for_the_client() -> None:
    def cut(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")

    with scripted(cut) as url, running_gateway({"storage": url}) as gateway:
        sock = gateway.connect()
        with closing(sock):
            sock.sendall(gateway.request("GET", "/v1/storage/get/k"))
            received = read_to_end(sock)
    assert not received.endswith(b"0\r\n\r\n")


def test_the_role_decides_whether_a_body_is_sent() -> None:
    decided = threading.Event()

    def refuse(connection: socket.socket) -> None:
        head_of(connection)
        decided.set()
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with (
        scripted(refuse) as url,
        running_gateway({"storage": url}) as gateway,
        closing(gateway.connect()) as sock,
    ):
        sock.settimeout(WAIT_S)
        headers = {"Expect": "100-continue", "Content-Length": "5"}
        sock.sendall(gateway.request("PUT", "/v1/storage/put/k", None, headers))
        assert read_answer(sock, "PUT").status == 403
        assert decided.is_set()


def test_a_client_that_leaves_ends_its_request_upstream() -> None:
    begun, ended = threading.Event(), threading.Event()

    def wait(connection: socket.socket) -> None:
        head_of(connection)
        begun.set()
        connection.settimeout(WAIT_S)
        assert connection.recv(1) == b""
        ended.set()

    with scripted(wait) as url, running_gateway({"sql": url}) as gateway:
        with closing(gateway.connect()) as sock:
            sock.sendall(gateway.request("POST", "/v1/sql", {"sql": "SELECT 1"}))
            assert begun.wait(WAIT_S)
        assert ended.wait(WAIT_S)


def test_host_and_origin_are_judged_before_a_role_is_asked() -> None:
    with running_gateway({}, allowed_origins=("https://app.example.com",)) as gateway:
        refused(
            gateway.ask("GET", "/v1/storage/list", headers={"Host": "evil.example"}),
            403,
            "foreign_host",
        )
        refused(
            gateway.ask("GET", "/v1/storage/list", headers={"Origin": "https://evil"}),
            403,
            "foreign_origin",
        )
        asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
        allowed = gateway.ask("OPTIONS", "/v1/storage/list", headers=asked)
        assert allowed.status == 204
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
