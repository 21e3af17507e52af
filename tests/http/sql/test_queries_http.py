"""Queries by their names: which run, which are cancelled, which are remembered."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lake_server import Lake, running_lake
from raw_http import read_answer
from refusals import refused
from running_queries import ENDLESS, LONG, Asked, asking, listed
from waiting import WITHIN_S, wait_until

from lakehouse.query.waiting.waiting_bytes import MAX_WAITING_BYTES


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("lake") / "bucket", query_workers=2) as server:
        yield server


def test_every_answer_names_its_query(lake: Lake) -> None:
    assert lake.sql("SELECT 1", {"Query-Id": "my.own-1"}).headers["Query-Id"] == "my.own-1"
    ours = [lake.sql("SELECT 1").headers["Query-Id"] for _ in range(2)]
    assert ours[0] != ours[1]
    assert lake.sql("SELECT 1", {"Query-Id": "not allowed"}).headers["Query-Id"] != "not allowed"
    for body in (
        {"sql": "SELEC 1"},
        {"sql": "DROP TABLE x"},
        {},
        {"sql": "SELECT 1", "format": "x"},
    ):
        assert lake.ask("POST", "/v1/sql", body, {"Query-Id": "q-2"}).headers["Query-Id"] == "q-2"
    assert "Query-Id" not in lake.ask("GET", "/v1/queries").headers


def test_what_runs_is_listed_while_it_runs(lake: Lake) -> None:
    with asking(lake, LONG, "listed-1"):
        row = listed(lake)["listed-1"]
        assert (row["sql"], row["actor"], row["format"]) == (LONG, "ana", "json")
        assert row["elapsed_ms"] >= 0 and row["started_at"].endswith("Z")
        assert row["seq"] == lake.head()
    assert listed(lake) == {}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_query_is_cancelled_while_it_computes(lake: Lake, text: str) -> None:
    with asking(lake, text, "off-1") as asked:
        answer = lake.ask("DELETE", "/v1/queries/off-1")
        refused(asked.end(), 409, "query_cancelled")
        assert (answer.status, answer.json) == (200, {"query_id": "off-1", "cancelled": 1})
        assert listed(lake) == {}
    refused(lake.ask("DELETE", "/v1/queries/off-1"), 404, "query_not_found")
    for _ in range(3):
        assert lake.sql("SELECT random()").status == 200


def test_a_query_that_streams_is_broken_off(lake: Lake) -> None:
    with closing(lake.connect()) as sock:
        body = {"sql": "FROM range(100000000000)", "format": "csv"}
        sock.sendall(lake.request("POST", "/v1/sql", body, {"Query-Id": "stream-1"}))
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        assert lake.ask("DELETE", "/v1/queries/stream-1").status == 200
        last = b""
        try:
            while more := sock.recv(1 << 20):
                last = more
        except ConnectionError:
            pass
        assert not last.endswith(b"0\r\n\r\n")
    assert listed(lake) == {}


def test_several_of_one_name_are_called_off_together(lake: Lake) -> None:
    with asking(lake, LONG, "twin"):
        other = Asked(lake, LONG, "twin")
        wait_until(lambda: len(lake.ask("GET", "/v1/queries").json["queries"]) == 2)
        assert lake.ask("DELETE", "/v1/queries/twin").json["cancelled"] == 2
        refused(other.end(), 409, "query_cancelled")


def test_one_that_waits_is_listed_and_can_be_called_off(lake: Lake) -> None:
    with (
        asking(lake, LONG, "a"),
        asking(lake, LONG, "b"),
        asking(lake, "SELECT random()", "c", state="waiting") as waiting,
    ):
        lake.ask("DELETE", "/v1/queries/c")
        refused(waiting.end(), 409, "query_cancelled")
        refused(lake.sql("SELECT random()", timeout_ms=300), 504, "query_timeout")
    assert lake.sql("SELECT random()").status == 200


def test_full_slots_are_busy_with_a_time_to_come_again(tmp_path: Path) -> None:
    with (
        running_lake(tmp_path / "bucket", query_workers=1, query_queue=1) as lake,
        asking(lake, LONG, "a"),
        asking(lake, LONG, "b", state="waiting"),
    ):
        answer = refused(lake.sql("SELECT 1"), 503, "busy")
        assert int(answer.headers["Retry-After"]) > 0


def test_large_statements_that_wait_are_bounded_together(lake: Lake) -> None:
    def large(number: int) -> bytes:
        text = f"SELECT {number} AS n, random() /* {'x' * 1_000_000} */"
        return lake.request("POST", "/v1/sql", {"sql": text}, {"Query-Id": f"large-{number}"})

    with asking(lake, LONG, "a"), asking(lake, LONG, "b"), ExitStack() as open_ones:
        waiting = set[str]()
        for number in range(MAX_WAITING_BYTES // 1_000_100):
            sock = open_ones.enter_context(closing(lake.connect()))
            sock.sendall(large(number))
            waiting.add(f"large-{number}")
        wait_until(lambda: waiting <= listed(lake).keys())
        sock = open_ones.enter_context(closing(lake.connect()))
        sock.sendall(large(99))
        answer = refused(read_answer(sock), 503, "busy")
        assert int(answer.headers["Retry-After"]) > 0
    assert lake.sql(f"SELECT 1 /* {'x' * 1_000_000} */").status == 200


def test_two_hundred_clients_wait_for_their_turn(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = lake.service.sql._engine
    patient = msgspec.structs.replace(engine._settings, waiting_s=WITHIN_S)
    monkeypatch.setattr(engine, "_settings", patient)
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(closing(lake.connect())) for _ in range(200)]
        for number, sock in enumerate(clients):
            sock.sendall(lake.request("POST", "/v1/sql", {"sql": f"SELECT {number}"}))
        answers = [read_answer(sock) for sock in clients]
    assert {answer.status for answer in answers} == {200}
    assert [answer.json["rows"] for answer in answers] == [[[n]] for n in range(200)]


def test_a_client_that_leaves_takes_its_query_with_it(lake: Lake) -> None:
    with closing(lake.connect()) as sock:
        sock.sendall(lake.request("POST", "/v1/sql", {"sql": LONG}, {"Query-Id": "left-1"}))
        wait_until(lambda: "left-1" in listed(lake))
    wait_until(lambda: "left-1" not in listed(lake))
    assert ended(lake, "left-1").state == "abandoned"


def ended(lake: Lake, query_id: str) -> Any:
    return next(e for e in lake.service.sql.queries.ended() if e.query_id == query_id)


def test_what_ran_is_remembered_with_its_outcome(lake: Lake) -> None:
    answer = lake.sql("FROM range(20000)", {"Query-Id": "kept-1", "X-Actor": "ana"})
    entry = ended(lake, "kept-1")
    assert (entry.actor, entry.sql, entry.state) == ("ana", "FROM range(20000)", "done")
    assert (entry.rows, entry.size_bytes) == (20_000, len(answer.body))
    assert entry.ms > 0
    lake.sql("SELEC", {"Query-Id": "kept-2"})
    assert ended(lake, "kept-2").state == "sql_error"
    lake.sql(f"SELECT '{'x' * 10_000}'", {"Query-Id": "kept-3"})
    assert len(ended(lake, "kept-3").sql) == 4096


def test_what_fails_before_anything_is_judged_has_its_name_too(lake: Lake) -> None:
    named = {"Query-Id": "early-1"}
    for method, target, body, headers in (
        ("POST", "/v1/sql", b"{", {}),
        ("POST", "/v1/sql", b'{"sql": "SELECT 1"}', {"Host": "evil.example"}),
        ("POST", "/v1/sql", b'{"sql": "SELECT 1"}', {"Origin": "null"}),
        ("POST", "/v1/sql", b'{"sql": "SELECT 1"}', {"Accept": "image/png"}),
        ("POST", "/v1/sql", b'{"sql": "SELECT 1"}', {"X-Min-Seq": "x"}),
        ("POST", "/v1/sql?a=%FF", b'{"sql": "SELECT 1"}', {}),
        ("POST", "/v1/sql", b" " * (1024 * 1024 + 1), {}),
        ("GET", "/v1/sql", b"", {}),
    ):
        answer = lake.ask(method, target, body, named | headers)
        assert answer.status >= 400 and answer.headers["Query-Id"] == "early-1"
        assert lake.ask(method, target, body, headers).headers["Query-Id"]
