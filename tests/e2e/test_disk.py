"""What is left on the disk: nothing of a client that vanished, nothing of a stop, little of a kill."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import Start
from process import Client, Lakehouse, wait_until

SENT_BYTES = 3 * 1024 * 1024
DECLARED_BYTES = 2 * SENT_BYTES
FORM_HEAD = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="w.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\n"
)
UPLOADS = {
    "put": ("PUT", "/v1/storage/put/half", "application/octet-stream", b""),
    "ingest": ("POST", "/v1/ingest?name=half", "text/csv", b""),
    "form": ("POST", "/v1/ingest?name=half", "multipart/form-data; boundary=b", FORM_HEAD),
}
SOON_S = 60.0
"""At most; a stop that waits takes DRAIN_S longer."""
DAYS_S = 2 * 24 * 3600


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def lakehouse(start: Start, spool: Path) -> Lakehouse:
    """One process whose spool is where the test can look into it."""
    return start(SPOOL_DIR=spool)


@pytest.mark.parametrize("upload", UPLOADS)
def test_a_client_that_vanishes_leaves_nothing(
    lakehouse: Lakehouse, spool: Path, upload: str
) -> None:
    head = lakehouse.client.get("/v1/journal/head")
    with _half_sent(lakehouse.client, *UPLOADS[upload]):
        wait_until(lambda: bool(_spooled(spool)), SOON_S, "the body to be spooled")
    wait_until(lambda: not _spooled(spool), SOON_S, "the spool to be empty", lakehouse.log)
    assert lakehouse.client.get("/v1/journal/head") == head
    assert lakehouse.client.request("GET", "/v1/storage/get/half").status == 404
    assert lakehouse.client.request("GET", "/v1/catalog/manifest/half").status == 404


def test_a_stop_answers_what_was_received(lakehouse: Lakehouse, spool: Path) -> None:
    rows = b"n,text\n" + b"".join(b"%d,some text\n" % n for n in range(300_000))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lakehouse.client.ingest, "name=kept", rows)
        wait_until(lambda: any(spool.rglob("ingest-*")), SOON_S, "the file to be read")
        assert not answer.done(), "the ingest was over before it could be interrupted"
        lakehouse.ask_to_stop()
        assert answer.result().status == 200
    assert lakehouse.ended(SOON_S) == 0
    assert _spooled(spool) == []
    with pytest.raises(ConnectionRefusedError):
        lakehouse.client.get("/health")
    lakehouse.start()
    assert lakehouse.client.sql("SELECT count(*) FROM kept")["rows"] == [[300_000]]


def test_a_stop_waits_for_a_body_that_is_coming(lakehouse: Lakehouse, spool: Path) -> None:
    with _half_sent(lakehouse.client, *UPLOADS["put"]) as connection:
        wait_until(lambda: bool(_spooled(spool)), SOON_S, "the body to be spooled")
        lakehouse.ask_to_stop()
        wait_until(lambda: '"draining"' in lakehouse.log(), SOON_S, "the drain", lakehouse.log)
        connection.sendall(b"x" * (DECLARED_BYTES - SENT_BYTES))
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
    assert lakehouse.ended(SOON_S) == 0
    lakehouse.start()
    stored = lakehouse.client.request("GET", "/v1/storage/get/half")
    assert stored.body == b"x" * DECLARED_BYTES


def test_a_stop_does_not_wait_for_idle_connections(lakehouse: Lakehouse) -> None:
    with socket.create_connection(("127.0.0.1", lakehouse.client.port)) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1024).startswith(b"HTTP/1.1 200 ")
        started_s = time.monotonic()
        assert lakehouse.stop() == 0
        assert time.monotonic() - started_s < SOON_S


def test_a_start_removes_what_a_killed_process_left(lakehouse: Lakehouse, spool: Path) -> None:
    with _half_sent(lakehouse.client, *UPLOADS["put"]):
        wait_until(lambda: bool(_spooled(spool)), SOON_S, "the body to be spooled")
        lakehouse.kill()
    assert _spooled(spool), "a killed process removes nothing"
    foreign = spool / "not-ours"
    foreign.write_bytes(b"x")
    lakehouse.start()
    assert _spooled(spool) == []
    assert len([*spool.glob("process-*")]) == 1, "the directory of the running process alone"
    assert foreign.exists()
    assert lakehouse.client.get("/v1/storage/list")["objects"] == []


@contextmanager
def _half_sent(
    client: Client, method: str, target: str, content_type: str, first: bytes
) -> Iterator[socket.socket]:
    """A connection on which half of a body has been sent; it breaks at the end of the context."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=SOON_S) as connection:
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {DECLARED_BYTES}\r\n\r\n"
        )
        connection.sendall(head.encode() + first + b"x" * (SENT_BYTES - len(first)))
        yield connection


def _spooled(spool: Path) -> list[Path]:
    """The files of bodies and of ingests under way that have something in them."""
    return [
        path
        for path in sorted(spool.rglob("*"))
        if path.name.startswith(("spool-", "ingest-")) and _holds_something(path)
    ]


def _holds_something(path: Path) -> bool:
    try:
        return path.is_dir() or path.stat().st_size > 0
    except FileNotFoundError:  # gone since it was listed
        return False
