"""A file with a large record waits its turn; a client that leaves meanwhile leaves nothing behind."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from lake_server import Lake
from raw_http import read_answer
from refusals import refused
from waiting import wait_until

from lakehouse.formats.limits import LARGE_BYTES

Fresh = Callable[[], str]
TYPED = {"Content-Type": "text/csv"}
FIELD = b"x" * (2 * LARGE_BYTES)
CSV = b"a,b\n1," + FIELD + b"\n2,y\n"


@contextmanager
def turn_taken(lake: Lake) -> Iterator[None]:
    """Another file with a large record is being read."""
    turn = lake.service.ingest._memory._turn
    lake.run(turn.acquire())
    try:
        yield
    finally:
        lake.loop.call_soon_threadsafe(turn.release)


def waiting(lake: Lake, count: int) -> Callable[[], bool]:
    return lambda: len(lake.service.ingest._memory._turn._waiters or ()) == count


def test_files_come_in_one_after_the_other(lake: Lake, fresh: Fresh) -> None:
    with closing(lake.connect()) as sock:
        with turn_taken(lake):
            sock.sendall(lake.request("POST", f"/v1/ingest?name={(name := fresh())}", CSV, TYPED))
            wait_until(waiting(lake, 1))
            assert lake.ingest(f"name={fresh()}", b"a\n1\n").status == 200
        answer = read_answer(sock)
    assert (answer.status, answer.json["row_count"]) == (200, 2)
    found = lake.sql(f"SELECT a, length(b), b = repeat('x', length(b)) FROM {name} ORDER BY a")
    assert found.json["rows"] == [[1, len(FIELD), True], [2, 1, False]]
    assert lake.spooled() == []


def test_a_client_that_leaves_gives_up_its_turn(lake: Lake, fresh: Fresh) -> None:
    with turn_taken(lake):
        for sent in (CSV[: len(CSV) // 2], CSV):
            with closing(lake.connect()) as sock:
                request = lake.request("POST", f"/v1/ingest?name={fresh()}", CSV, TYPED)
                sock.sendall(request[: len(request) - len(CSV) + len(sent)])
                wait_until(waiting(lake, int(sent is CSV)))
                # Closed with a reset: a client that only stops sending gets its answer.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wait_until(waiting(lake, 0))
            wait_until(lambda: lake.spooled() == [])
    assert lake.ingest(f"name={fresh()}", CSV).status == 200


def test_a_file_is_refused_when_its_turn_does_not_come(
    lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake.service.ingest._memory, "_wait_s", 0.01)
    with turn_taken(lake):
        answer = refused(lake.ingest(f"name={fresh()}", CSV), 503, "busy")
        assert answer.headers["Retry-After"] == "5"
    assert lake.spooled() == []
    assert lake.ingest(f"name={fresh()}", CSV).status == 200
