"""The whole system behind a gateway: one address, own changes, roles that are down."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from gateway_server import running_gateway
from lake_server import Lake, running_lake
from principals import closed
from raw_http import Answer, Client, read_answer
from refusals import refused

from lakehouse.roles import ROLES

Roles = dict[str, Lake]


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


def test_a_browser_is_told_where_the_console_is() -> None:
    with running_gateway({}) as gateway:
        page = gateway.ask("GET", "/", headers={"Accept": "text/html,*/*;q=0.8"})
        assert (page.status, b"the gateway process" in page.body) == (404, True)
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        refused(gateway.ask("GET", "/"), 404, "not_found")


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


def test_a_body_is_asked_for_when_the_role_asks(system: System) -> None:
    with closing(system.connect()) as sock:
        headers = {"Expect": "100-continue", "Content-Length": "5"}
        sock.sendall(system.request("PUT", "/v1/storage/put/k", None, headers))
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"bytes")
        assert read_answer(sock, "PUT").status == 200
    assert system.ask("GET", "/v1/storage/get/k").body == b"bytes"


def test_a_body_that_ends_early_is_not_a_whole_one_upstream(system: System) -> None:
    with closing(system.connect()) as sock:
        headers = {"Content-Length": "10"}
        sock.sendall(system.request("PUT", "/v1/storage/put/cut", b"12345", headers))
        sock.shutdown(socket.SHUT_WR)
        refused(read_answer(sock, "PUT"), 400, "incomplete_body")
    refused(system.ask("GET", "/v1/storage/get/cut"), 404, "object_not_found")


def test_a_stream_ends_when_the_gateway_stops(system: System) -> None:
    urls = {"catalog": f"http://127.0.0.1:{system.roles['catalog'].port}"}
    with ExitStack() as stack:
        gateway = stack.enter_context(running_gateway(urls))
        sock = stack.enter_context(closing(gateway.connect()))
        sock.sendall(gateway.request("GET", "/v1/journal/stream?after=0"))
        assert b"200 OK" in sock.recv(65536)
