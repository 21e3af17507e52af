"""Answers that are lost, servers that are busy or gone: what is repeated, and that nothing is done twice."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from breaking_proxy import BreakingProxy
from lake_server import Lake as Server

import lakehouse
from lakehouse.client import http as client_http
from lakehouse.client.lake import Lake


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_http, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(client_http, "LONGEST_PAUSE_S", 0.002)


@pytest.fixture
def breaking(server: Server) -> Iterator[BreakingProxy]:
    proxy = BreakingProxy(server.port, seed=7, loses=0.25)
    yield proxy
    proxy.close()


def test_no_append_is_made_twice_or_lost(
    breaking: BreakingProxy, lake: Lake, fresh: Callable[[], str]
) -> None:
    name = fresh()
    with lakehouse.connect(f"http://127.0.0.1:{breaking.port}") as unlucky:
        for number in range(100):
            unlucky.ingest(f"n\n{number}\n".encode(), name=name, mode="append")
    assert lake.sql(f"SELECT n FROM {name} ORDER BY n").rows() == [(n,) for n in range(100)]
    assert breaking.lost > 20
    assert len(lake.dataset(name).history()) == 100


class Scripted:
    """A server that gives the answers it was given, one for each request."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.seen: list[dict[str, str]] = []
        left = list(answers)
        seen = self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen.append(dict(self.headers))
                status, headers, body = left.pop(0)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_DELETE = do_POST

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    made: list[Scripted] = []

    def make(*answers: tuple[int, dict[str, str], bytes]) -> Scripted:
        made.append(Scripted(*answers))
        return made[-1]

    yield make
    for each in made:
        each.close()


def problem(status: int, code: str, *, retryable: bool) -> tuple[int, dict[str, str], bytes]:
    body = {
        "type": f"urn:lakehouse:error:{code}",
        "title": code,
        "status": status,
        "detail": "as scripted",
        "code": code,
        "request_id": "r1",
        "retryable": retryable,
        "hint": "wait",
    }
    return status, {"Content-Type": "application/problem+json"}, json.dumps(body).encode()


BUSY = problem(503, "busy", retryable=True)
DONE = (
    200,
    {"Content-Type": "application/json", "X-Journal-Seq": "7"},
    b'{"name": "a", "dataset_id": "d", "seq": 7}',
)


def test_a_busy_lake_is_asked_again_with_the_same_key(scripted: Callable[..., Scripted]) -> None:
    server = scripted(BUSY, problem(503, "outcome_unknown", retryable=True), DONE)
    with lakehouse.connect(server.url, token="secret") as lake:
        assert lake.dataset("a").drop().seq == 7
    keys = {each["Idempotency-Key"] for each in server.seen}
    assert (len(server.seen), len(keys)) == (3, 1)
    assert all(each["Authorization"] == "Bearer secret" for each in server.seen)


def test_two_changes_have_two_keys_and_reads_have_none(scripted: Callable[..., Scripted]) -> None:
    page = (200, {"Content-Type": "application/json"}, b'{"datasets": [], "seq": 7, "next": null}')
    server = scripted(DONE, DONE, page)
    with lakehouse.connect(server.url) as lake:
        lake.dataset("a").drop()
        lake.dataset("a").drop()
        lake.datasets()
    first, second, read = server.seen
    assert first["Idempotency-Key"] != second["Idempotency-Key"]
    assert "Idempotency-Key" not in read
    assert read["X-Min-Seq"] == "7", "a read sees one's own change"


@pytest.mark.parametrize(
    "answer",
    [
        problem(409, "schema_conflict", retryable=False),
        problem(504, "query_timeout", retryable=True),
        problem(503, "draining", retryable=False),
    ],
)
def test_what_repeating_cannot_help_is_raised_at_once(
    scripted: Callable[..., Scripted], answer: tuple[int, dict[str, str], bytes]
) -> None:
    server = scripted(answer)
    with lakehouse.connect(server.url) as lake, pytest.raises(lakehouse.Error) as raised:
        lake.dataset("a").drop()
    assert raised.value.status == answer[0]
    assert (raised.value.detail, raised.value.hint) == ("as scripted", "wait")
    assert len(server.seen) == 1


def test_a_lake_that_stays_busy_is_given_up(scripted: Callable[..., Scripted]) -> None:
    server = scripted(*[BUSY] * client_http.ATTEMPTS)
    with lakehouse.connect(server.url) as lake, pytest.raises(lakehouse.Error) as raised:
        lake.dataset("a").drop()
    assert (raised.value.code, raised.value.retryable) == ("busy", True)
    assert len(server.seen) == client_http.ATTEMPTS


def test_no_server(fresh: Callable[[], str]) -> None:
    with lakehouse.connect("http://127.0.0.1:1") as lake, pytest.raises(lakehouse.Error) as raised:
        lake.sql("SELECT 1")
    assert (raised.value.code, raised.value.status) == ("unreachable", None)


def test_another_server(scripted: Callable[..., Scripted]) -> None:
    server = scripted((404, {"Content-Type": "text/html"}, b"<html>"), (200, {}, b"<html>"))
    with lakehouse.connect(server.url) as lake:
        for _ in range(2):
            with pytest.raises(lakehouse.Error) as raised:
                lake.datasets()
            assert raised.value.code == "invalid_answer"


@pytest.mark.parametrize("url", ["ftp://x", "localhost:3110", "http://", "http://u:p@x"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        lakehouse.connect(url)
