"""Clients that send slowly, take nothing, or send framing without end: none holds up another."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from manual_clock import ManualClock
from raw_http import TIMEOUT_S, read_answer, read_to_end
from refusals import nothing_changes, refused

HEALTH_S = 0.1
"""Within this time /health answers, whatever others send."""
ATTEMPTS = 20
"""A machine that is busy with something else may be late once; a server that is held always is."""
WATCHED = 1
"""What sleeps by the clock beside the bodies: the watch over heads."""
FORM = "multipart/form-data; boundary=b"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def slow_lake(tmp_path: Path, clock: ManualClock) -> Iterator[Lake]:
    """Its clock moves when the test says so."""
    with running_lake(tmp_path / "bucket", clock=clock, query_workers=1) as lake:
        yield lake


def pass_time(lake: Lake, clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        lake.run(clock.advance(1.0))


def begun(lake: Lake, method: str, target: str, media_type: str, start: bytes) -> bytes:
    """A request whose body has begun."""
    headers = {"Content-Type": media_type, "Content-Length": "100000"}
    return lake.request(method, target, start, headers)


BODIES = [
    ("PUT", "/v1/storage/put/slow", "text/plain", b"begun"),
    ("POST", "/v1/ingest?name=slow", "text/csv", b"a,b\n1,"),
    ("POST", "/v1/ingest?name=slow", FORM, b"--b\r\nContent-Disp"),
    (
        "POST",
        "/v1/ingest?name=slow",
        FORM,
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\na,b\n1,',
    ),
    ("POST", "/v1/sql", "application/json", b'{"sql": "SELECT'),
    ("POST", "/v1/catalog/register", "application/json", b"{"),
]


@pytest.mark.parametrize(("method", "target", "media_type", "start"), BODIES)
def test_a_body_that_brings_too_little_is_refused(
    slow_lake: Lake, clock: ManualClock, method: str, target: str, media_type: str, start: bytes
) -> None:
    with nothing_changes(slow_lake), closing(slow_lake.connect()) as sock:
        sock.sendall(begun(slow_lake, method, target, media_type, start))
        slow_lake.run(clock.until_asleep(WATCHED + 1))
        pass_time(slow_lake, clock, 15)
        sock.sendall(b" ")
        sock.settimeout(0.02)
        passing_until(slow_lake, clock, lambda: sock.recv(1, socket.MSG_PEEK))
        assert 30 <= clock.monotonic() <= 60
        sock.settimeout(TIMEOUT_S)
        answer = refused(read_answer(sock), 408, "body_too_slow")
        assert answer.json["retryable"]
        assert sock.recv(1) == b"", "the connection is closed"
    assert clock.sleepers == WATCHED
    assert slow_lake.spooled() == []


def test_slow_bodies_hold_no_places(slow_lake: Lake, clock: ManualClock) -> None:
    """Four PUTs of a few bytes once took all four places for an hour."""
    sockets = [slow_lake.connect() for _ in range(4)]
    for number, sock in enumerate(sockets):
        target = f"/v1/storage/put/slow{number}"
        sock.sendall(begun(slow_lake, "PUT", target, "text/plain", b"x"))
    slow_lake.run(clock.until_asleep(WATCHED + 4))
    refused(slow_lake.put("fifth"), 503, "busy")
    pass_time(slow_lake, clock, 30)
    for sock in sockets:
        with closing(sock):
            refused(read_answer(sock), 408, "body_too_slow")
    assert slow_lake.put("fifth").status == 200


MANY_ROWS = "SELECT repeat('x', 1000) AS a FROM range(10000000)"


def test_a_result_that_nobody_takes_is_cancelled_while_others_wait(
    slow_lake: Lake, clock: ManualClock
) -> None:
    with closing(slow_lake.connect()) as sock, ThreadPoolExecutor(1) as pool:
        sock.sendall(slow_lake.request("POST", "/v1/sql", {"sql": MANY_ROWS}))
        slow_lake.run(clock.until_asleep(WATCHED + 1))
        pass_time(slow_lake, clock, 60)
        (running,) = slow_lake.ask("GET", "/v1/queries").json["queries"]
        assert running["sql"] == MANY_ROWS, "nobody waits, so it may stay"
        waiting = pool.submit(slow_lake.sql, "SELECT 1 AS x")
        answer = passing_until(slow_lake, clock, lambda: waiting.result(0.02))
        assert answer.status == 200


def test_a_result_that_is_taken_is_not_cancelled(slow_lake: Lake, clock: ManualClock) -> None:
    sql = "SELECT repeat('x', 1000) AS a FROM range(30000)"
    with closing(slow_lake.connect()) as sock, ThreadPoolExecutor(1) as pool:
        sock.sendall(slow_lake.request("POST", "/v1/sql", {"sql": sql}))
        slow_lake.run(clock.until_asleep(WATCHED + 1))
        waiting = pool.submit(slow_lake.sql, "SELECT 1 AS x")
        received = bytearray()
        while piece := sock.recv(1 << 20):
            received += piece
            pass_time(slow_lake, clock, 2)
        assert b'"row_count":30000}' in received
        assert waiting.result(60).status == 200


def passing_until(lake: Lake, clock: ManualClock, ask: Callable[[], object]) -> object:
    """Let time pass until `ask` does not time out; for twenty seconds of ours at most."""
    for _ in range(1000):
        try:
            return ask()
        except (NotYet, TimeoutError):
            pass_time(lake, clock, 1)
    raise AssertionError("time passed and nothing came of it")


FIELD = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\na\n1\n\r\n'
END = b"--b--\r\n"
FRAMINGS = {
    "fields without a head": b"--b\r\n\r\n\r\n" * 500_000,
    "fields": FIELD * 50_000,
    "lines before the first": b"\r\n" * 2_000_000 + FILE + END,
    "long lines before the first": (b"x" * 4000 + b"\r\n") * 1000 + FILE + END,
    "fields after the file": FILE + FIELD * 50_000,
    "a field of many bytes": FIELD[:-2] + b"y" * 5_000_000 + b"\r\n" + FILE + END,
    "heads of many lines": (b"--b\r\n" + b"A: b\r\n" * 100 + b"\r\n\r\n") * 10_000,
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_form_of_framing_alone_holds_up_nobody(lake: Lake, framing: str) -> None:
    sent = lake.request("POST", "/v1/ingest?name=f", FRAMINGS[framing], {"Content-Type": FORM})
    statuses: list[int] = []

    def send() -> None:
        with closing(lake.connect()) as sock:
            try:
                sock.sendall(sent)
            except OSError:
                pass  # refused before all of it was sent
            statuses.append(read_answer(sock).status)

    with nothing_changes(lake):
        assert longest_health_s(lake, send) <= HEALTH_S
    assert set(statuses) <= {400, 413}


def test_a_body_of_tiny_chunks_holds_up_nobody(lake: Lake) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    body = b"1\r\nx\r\n" * 500_000 + b"0\r\n\r\n"
    assert longest_health_s(lake, lambda: lake.put("tiny", body, headers)) <= HEALTH_S


def longest_health_s(lake: Lake, work: Callable[[], object]) -> float:
    """How long /health took at most while `work` went on: the least of up to ATTEMPTS.

    What it takes beside a thread that merely computes, on this machine as busy as it is now, is taken
    off: client and server share one interpreter here.
    """
    longest_s = HEALTH_S + 1.0
    for _ in range(ATTEMPTS):
        if longest_s > HEALTH_S:
            idle_s = _longest_health_s(lake, compute)
            longest_s = min(longest_s, _longest_health_s(lake, work) - idle_s)
    return longest_s


def compute() -> None:
    sum(number * number for number in range(3_000_000))


def _longest_health_s(lake: Lake, work: Callable[[], object]) -> float:
    thread, longest_s = threading.Thread(target=work), 0.0
    thread.start()
    while thread.is_alive():
        began_s = time.monotonic()
        assert lake.ask("GET", "/health").status == 200
        longest_s = max(longest_s, time.monotonic() - began_s)
    return longest_s


def test_a_form_has_at_most_a_hundred_fields(lake: Lake) -> None:
    for count, status in ((99, 200), (100, 400)):
        body = FIELD * count + FILE + END
        answer = lake.ask("POST", "/v1/ingest?name=fields", body, {"Content-Type": FORM})
        assert answer.status == status, answer
    refused(answer, 400, "invalid_request")


HALF = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Half: "


def test_half_sent_heads_keep_nobody_out(tmp_path: Path) -> None:
    """A new connection takes the place of the oldest that asks nothing."""
    with ExitStack() as stack:
        running = running_lake(tmp_path / "bucket", queries=False, max_connections=20)
        lake = stack.enter_context(running)
        sockets = [stack.enter_context(closing(lake.connect())) for _ in range(50)]
        for sock in sockets:
            with suppress(ConnectionError):
                sock.sendall(HALF)
        for _ in range(30):
            assert lake.ask("GET", "/health").status == 200
        assert read_to_end(sockets[0]) == b""


def test_those_that_are_answered_keep_their_connections(tmp_path: Path) -> None:
    with (
        running_lake(tmp_path / "bucket", queries=False, max_connections=2) as lake,
        closing(lake.connect()) as busy,
        closing(lake.connect()) as other,
    ):
        busy.sendall(begun(lake, "PUT", "/v1/storage/put/a", "text/plain", b"x" * 99_999))
        other.sendall(begun(lake, "PUT", "/v1/storage/put/b", "text/plain", b"x" * 99_999))
        until(lambda: lake.service._puts.inside == 2)
        with closing(lake.connect()) as third:
            assert read_to_end(third) == b"", "all places are taken by those that ask"
        for sock in (busy, other):
            sock.sendall(b"x")
            assert read_answer(sock).status == 200


def test_a_head_has_ten_seconds(slow_lake: Lake, clock: ManualClock) -> None:
    first = slow_lake.request("GET", "/health", headers={"Connection": "keep-alive"})
    with (
        closing(slow_lake.connect()) as silent,
        closing(slow_lake.connect()) as half,
        closing(slow_lake.connect()) as second,
    ):
        half.sendall(HALF)
        second.sendall(first)
        assert read_answer(second).status == 200
        pass_time(slow_lake, clock, 30)
        assert read_to_end(silent) == b""
        assert read_to_end(half) == b""
        second.sendall(first)
        assert read_answer(second).status == 200, "it asked nothing meanwhile"
        second.sendall(HALF)
        second.settimeout(0.02)
        assert passing_until(slow_lake, clock, lambda: read_to_end(second)) == b""


def until(met: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    end_s = time.monotonic() + TIMEOUT_S
    while not met():
        assert time.monotonic() < end_s, "it did not come about"
