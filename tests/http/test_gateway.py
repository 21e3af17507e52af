"""The gateway in front of roles and of scripted upstreams, over raw sockets."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import trustme
from gateway_server import head_of, running_gateway, scripted
from lake_server import Lake, running_lake
from principals import closed
from raw_http import Answer, Client, read_answer, read_to_end
from refusals import refused

from lakehouse.roles import ROLES

Roles = dict[str, Lake]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WAIT_S = 20.0


class System(Client):
    """A gateway, and the roles behind it."""

    def __init__(self, port: int, roles: Roles) -> None:
        super().__init__(port)
        self.roles = roles

    def put(self, key: str, body: bytes = b"bytes", **headers: str) -> Answer:
        return self.ask("PUT", f"/v1/storage/put/{key}", body, headers)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with ExitStack() as stack:
        roles = {
            role: stack.enter_context(
                running_lake(tmp_path / "bucket", role=role, queries=role == "sql")
            )
            for role in ROLES
        }
        urls = {role: f"http://127.0.0.1:{lake.port}" for role, lake in roles.items()}
        gateway = stack.enter_context(running_gateway(urls))
        yield System(gateway.port, roles)


def test_the_whole_system_at_one_address(system: System) -> None:
    assert system.put("a%20b/c%2Fd").status == 200
    assert system.ask("GET", "/v1/storage/get/a%20b/c%2Fd").body == b"bytes"
    csv = {"Content-Type": "text/csv"}
    assert system.ask("POST", "/v1/ingest?name=t", b"x\n1\n2\n", csv).status == 200
    assert system.ask("POST", "/v1/sql", {"sql": "SELECT sum(x) FROM t"}).json["rows"] == [[3]]
    assert [each["name"] for each in system.ask("GET", "/v1/catalog/list").json["datasets"]] == [
        "t"
    ]
    assert system.ask("HEAD", "/v1/catalog/list").body == b""
    assert system.ask("DELETE", "/v1/storage/delete/a%20b/c%2Fd").status == 204
    assert system.ask("GET", "/openapi.json").json["servers"] == [{"url": "/"}]


def test_the_gateway_speaks_for_itself(system: System) -> None:
    assert system.ask("GET", "/health").json == {"status": "ok", "service": "gateway"}
    ready = system.ask("GET", "/ready").json
    assert ready["roles"] == dict.fromkeys(ROLES, "ready")
    assert (
        b'lakehouse_http_answers_total{method="GET",route="/ready",status="200"} 1.0'
        in system.ask("GET", "/metrics").body
    )
    refused(system.ask("POST", "/health"), 405, "method_not_allowed")


def test_refusals_of_roles_pass_unchanged(system: System) -> None:
    sent = {"X-Request-Id": "mine-1"}
    missing = system.ask("GET", "/v1/storage/get/missing", headers=sent)
    direct = system.roles["storage"].ask("GET", "/storage/get/missing", headers=sent)
    assert (missing.status, missing.body) == (direct.status, direct.body)
    assert missing.headers["X-Request-Id"] == "mine-1"
    assert missing.headers["Content-Type"] == "application/problem+json"
    wrong = system.ask("POST", "/v1/storage/list")
    refused(wrong, 405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, HEAD"
    refused(system.ask("GET", "/v1/unknown"), 404, "not_found")


def test_a_client_reads_its_own_changes_from_every_role(system: System) -> None:
    """The roles read the journal every second; without X-Min-Seq the reads would be a second late."""
    for number in range(5):
        key = f"k{number}"
        assert system.put(key, b"x\n1\n").status == 200
        registered = {"name": f"d{number}", "schema_fingerprint": "f", "objects": [{"key": key}]}
        assert system.ask("POST", "/v1/catalog/register", registered).status == 200
        names = system.ask("POST", "/v1/sql", {"sql": "SELECT name FROM lake.datasets"}).json[
            "rows"
        ]
        assert [f"d{number}"] in names


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


def test_a_lake_with_principals_is_judged_by_the_roles(system: System) -> None:
    admin = closed(system.roles["catalog"])
    refused(system.ask("GET", "/v1/catalog/list"), 401, "unauthenticated")
    refused(system.ask("GET", "/metrics"), 401, "unauthenticated")
    system.token = admin
    assert system.ask("GET", "/v1/access/me").json["principal"] == "ana"
    assert system.ask("GET", "/metrics").status == 200
    assert system.put("k").status == 200
    catalog = Client(system.port, admin)
    assert token_of(catalog) != admin


def token_of(client: Client) -> str:
    issued = client.ask("POST", "/v1/access/tokens", {"principal": "ana"})
    assert issued.status == 200
    found: str = issued.json["token"]
    return found


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


@pytest.mark.parametrize("down", [*ROLES])
def test_each_role_is_usable_while_another_is_down(tmp_path: Path, down: str) -> None:
    asks = {
        "storage": ("GET", "/v1/storage/list"),
        "catalog": ("GET", "/v1/catalog/list"),
        "ingest": ("POST", "/v1/ingest?name=t"),
        "sql": ("GET", "/v1/sql?q=SELECT%201"),
    }
    with ExitStack() as stack:
        up = [role for role in ROLES if role != down]
        lakes = {
            role: stack.enter_context(
                running_lake(tmp_path / "bucket", role=role, queries=role == "sql")
            )
            for role in up
        }
        urls = {role: f"http://127.0.0.1:{lake.port}" for role, lake in lakes.items()}
        gateway = stack.enter_context(running_gateway(urls))
        for role, (method, target) in asks.items():
            body = b"x\n1\n" if method == "POST" else None
            answer = gateway.ask(method, target, body, {"Content-Type": "text/csv"})
            if role == down:
                refused(answer, 502, "upstream_unavailable")
                assert f"the role {down} " in answer.json["detail"]
            else:
                assert answer.status == 200, answer
        assert gateway.ask("GET", "/ready").json["roles"][down] == "upstream_unavailable"


def test_without_any_role_the_gateway_is_not_ready() -> None:
    with running_gateway({}) as gateway:
        refused(gateway.ask("GET", "/ready"), 502, "upstream_unavailable")
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


def test_a_body_is_asked_for_when_the_role_asks(system: System) -> None:
    with closing(system.connect()) as sock:
        headers = {"Expect": "100-continue", "Content-Length": "5"}
        sock.sendall(system.request("PUT", "/v1/storage/put/k", None, headers))
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"bytes")
        assert read_answer(sock, "PUT").status == 200
    assert system.ask("GET", "/v1/storage/get/k").body == b"bytes"


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


def test_a_body_that_ends_early_is_not_a_whole_one_upstream(system: System) -> None:
    with closing(system.connect()) as sock:
        headers = {"Content-Length": "10"}
        sock.sendall(system.request("PUT", "/v1/storage/put/cut", b"12345", headers))
        sock.shutdown(socket.SHUT_WR)
        refused(read_answer(sock, "PUT"), 400, "incomplete_body")
    refused(system.ask("GET", "/v1/storage/get/cut"), 404, "object_not_found")


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


def test_a_stream_ends_when_the_gateway_stops(system: System) -> None:
    urls = {"catalog": f"http://127.0.0.1:{system.roles['catalog'].port}"}
    with ExitStack() as stack:
        gateway = stack.enter_context(running_gateway(urls))
        sock = stack.enter_context(closing(gateway.connect()))
        sock.sendall(gateway.request("GET", "/v1/journal/stream?after=0"))
        assert b"200 OK" in sock.recv(65536)
