"""A large file is read while it is sent; nobody can tell, but by the time that it takes."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from lake_server import Lake
from raw_http import Answer, read_answer
from waiting import wait_until

from lakehouse.domain.errors import Refused
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.service.ingest import job, prefetch
from lakehouse.service.ingest.prefetch import PLACES

Fresh = Callable[[], str]
ROWS = 300_000
HEAD, TAIL = b"a,b\n" + b"12,text\n" * ROWS, b"13,more\n"
CSV = HEAD + TAIL


@contextmanager
def _sent(lake: Lake, name: str, query: str = "") -> Iterator[socket.socket]:
    """All but the last line; the context ends with the connection."""
    with closing(lake.connect()) as sock:
        target = f"/v1/ingest?name={name}{query}"
        request = lake.request("POST", target, CSV, {"Content-Type": "text/csv"})
        sock.sendall(request[: -len(TAIL)])
        yield sock


def _ended(sock: socket.socket, tail: bytes = TAIL) -> Answer:
    sock.sendall(tail)
    return read_answer(sock)


def _read_ahead(lake: Lake, count: int) -> Callable[[], bool]:
    return lambda: lake.service.ingest._ahead.taken == count


@pytest.fixture
def only_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not read ahead is not read."""
    monkeypatch.delattr(job, "ingest_file")


@pytest.mark.usefixtures("only_ahead")
def test_what_was_read_ahead_is_what_is_stored(lake: Lake, fresh: Fresh) -> None:
    with _sent(lake, name := fresh()) as sock:
        wait_until(_read_ahead(lake, 1))
        answer = _ended(sock)
    assert (answer.status, answer.json["rows_ingested"]) == (200, ROWS + 1)
    assert answer.json["schema"] == [
        {"name": "a", "type": "int64"},
        {"name": "b", "type": "string"},
    ]
    found = lake.ask("POST", "/v1/sql", {"sql": f"SELECT max(a), max(b) FROM {name}"})
    assert found.json["rows"] == [[13, "text"]]
    assert _read_ahead(lake, 0)()
    assert lake.spooled() == []


@pytest.mark.usefixtures("only_ahead")
@pytest.mark.parametrize(("query", "explained"), [("", False), ("&stage=true", True)])
def test_only_a_file_that_is_staged_is_read_ahead_with_the_reasons_for_its_types(
    lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, query: str, explained: bool
) -> None:
    requests: list[ReadRequest] = []

    def noted(request: ReadRequest) -> Parsed | Refused:
        requests.append(request)
        return ingest_file(request)

    monkeypatch.setattr(prefetch, "ingest_file", noted)
    with _sent(lake, fresh(), query) as sock:
        wait_until(_read_ahead(lake, 1))
        answer = _ended(sock)
    assert answer.status == 200
    assert [each.explains for each in requests] == [explained]
    reasons = answer.json.get("type_reasons", [])
    assert [each["name"] for each in reasons] == (["a", "b"] if explained else [])


def test_a_file_that_is_there_already_is_reused(lake: Lake, fresh: Fresh) -> None:
    first = lake.ask("POST", f"/v1/ingest?name={(name := fresh())}", CSV)
    with _sent(lake, name) as sock:
        wait_until(_read_ahead(lake, 1))
        again = _ended(sock)
    assert (again.json["reused"], again.seq) == (True, first.seq)
    wait_until(_read_ahead(lake, 0))


def test_a_contract_that_came_meanwhile_binds(lake: Lake, fresh: Fresh) -> None:
    with _sent(lake, name := fresh()) as sock:
        wait_until(_read_ahead(lake, 1))
        other = lake.ask("POST", f"/v1/ingest?name={name}&types=a:string", b"a,b\n12,x\n")
        assert other.status == 200
        answer = _ended(sock)
    assert (answer.status, answer.json["rows_ingested"]) == (200, ROWS + 1)
    assert answer.json["schema"][0] == {"name": "a", "type": "string"}
    assert lake.spooled() == []


def test_who_finds_no_place_is_read_when_all_has_come(lake: Lake, fresh: Fresh) -> None:
    with ExitStack() as stack:
        first = [stack.enter_context(_sent(lake, fresh())) for _ in range(PLACES)]
        wait_until(_read_ahead(lake, PLACES))
        later = lake.ask("POST", f"/v1/ingest?name={fresh()}", CSV)
        assert (later.status, later.json["rows_ingested"]) == (200, ROWS + 1)
        assert [_ended(sock).status for sock in first] == [200] * PLACES
    assert lake.spooled() == []


def test_a_sender_who_leaves_gives_the_place_back(lake: Lake, fresh: Fresh) -> None:
    with _sent(lake, fresh()):
        wait_until(_read_ahead(lake, 1))
    wait_until(_read_ahead(lake, 0))
    wait_until(lambda: lake.spooled() == [])


def test_a_rehearsal_reads_nothing_ahead(lake: Lake, fresh: Fresh) -> None:
    with _sent(lake, fresh(), "&dry_run=true") as sock:
        wait_until(lambda: len(lake.spooled()) == 1)
        assert _read_ahead(lake, 0)()
        assert _ended(sock).json["rows_good"] == ROWS + 1


def test_the_line_that_cannot_be_read_is_named(lake: Lake, fresh: Fresh) -> None:
    with _sent(lake, fresh()) as sock:
        answer = _ended(sock, b"1,2,3,4\n")
    assert (answer.status, answer.json["code"]) == (422, "malformed_csv")
    assert f"line {ROWS + 2}" in answer.json["detail"]
