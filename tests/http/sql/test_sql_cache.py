"""The same question again: the same answer, at once, for as long as it is true."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from lake_server import Lake, running_lake

from lakehouse.system.view_table import SYSTEM_VIEWS

Fresh = Callable[[], str]


def status(answer: object) -> str:
    return answer.headers["Cache-Status"]  # type: ignore[attr-defined]


def test_a_question_asked_again_is_answered_from_the_cache(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n2\n")
    sql = f"SELECT sum(a) AS s FROM {name}"
    first, again = lake.sql(sql), lake.sql(sql)
    assert (status(first), status(again)) == ("lakehouse; fwd=miss", "lakehouse; hit")
    assert first.body == again.body and first.json["rows"] == [[3]]
    assert first.headers["ETag"] == again.headers["ETag"]
    assert first.seq == again.seq
    assert first.headers["Query-Id"] != again.headers["Query-Id"]
    logged = "SELECT cached, rows FROM lake.queries WHERE sql = ? ORDER BY started_at"
    assert lake.sql(logged, params=[sql]).json["rows"] == [[False, 1], [True, 1]]


def test_other_parameters_formats_and_texts_are_other_questions(lake: Lake) -> None:
    asked = [
        {"sql": "SELECT ? AS x", "params": [1]},
        {"sql": "SELECT ? AS x", "params": [2]},
        {"sql": "SELECT ? AS x", "params": ["1"]},
        {"sql": "SELECT ? AS x", "params": [1.0]},
        {"sql": "SELECT ? AS x", "params": [True]},
        {"sql": "SELECT ? AS x", "params": [None]},
        {"sql": "SELECT ? AS x", "params": [1], "format": "csv"},
        {"sql": "SELECT ?  AS x", "params": [1]},
    ]
    tags = [lake.ask("POST", "/v1/sql", body).headers["ETag"] for body in asked]
    assert len(set(tags)) == len(tags)
    for body in asked:
        assert status(lake.ask("POST", "/v1/sql", body)) == "lakehouse; hit"
    by_accept = lake.sql("SELECT ? AS x", {"Accept": "text/csv"}, params=[1])
    assert (status(by_accept), by_accept.headers["Content-Type"]) == ("lakehouse; hit", "text/csv")


def test_a_change_of_what_was_read_is_seen_at_once(lake: Lake, fresh: Fresh) -> None:
    name, other = fresh(), fresh()
    sql = f"SELECT sum(a) AS s FROM {name}"
    for number in range(3):
        lake.ingest(f"name={name}", f"a\n{number}\n".encode())
        assert lake.sql(sql).json["rows"] == [[number]]
        lake.ingest(f"name={other}", f"a\n{number}\n".encode())
        assert status(lake.sql(sql)) == "lakehouse; hit", "another dataset's change is none of ours"
    lake.ingest(f"name={name}&mode=append", b"a\n40\n")
    assert lake.sql(sql).json["rows"] == [[42]]
    lake.drop(name)
    assert lake.sql(sql).status == 400
    lake.ingest(f"name={name}", b"a\n2\n")
    assert lake.sql(sql).json["rows"] == [[2]]


def test_the_past_is_kept_apart_from_the_present(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    then = lake.ingest(f"name={name}", b"a\n1\n").seq
    lake.ingest(f"name={name}", b"a\n2\n")
    sql = f"SELECT a FROM {name}"
    for _ in range(2):
        assert lake.sql(sql).json["rows"] == [[2]]
        past = lake.sql(sql, as_of=then)
        assert (past.json["rows"], past.seq) == ([[1]], then)


def test_moments_in_a_statement_are_kept_once_they_cannot_change(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    then = lake.ingest(f"name={name}", b"a\n1\n").seq
    lake.ingest(f"name={name}", b"a\n2\n")
    sql = f"SELECT n.a - t.a AS d FROM {name} n, lake.at('{name}', {then}) t"
    first, again = lake.sql(sql), lake.sql(sql)
    assert (status(first), status(again)) == ("lakehouse; fwd=miss", "lakehouse; hit")
    lake.ingest(f"name={name}", b"a\n5\n")
    changed = lake.sql(sql)
    assert (status(changed), changed.json["rows"]) == ("lakehouse; fwd=miss", [[4]])
    lake.drop(name)
    past = f"SELECT a FROM lake.at('{name}', {then})"
    assert [status(lake.sql(past)) for _ in range(2)] == ["lakehouse; fwd=miss", "lakehouse; hit"]


def test_a_time_is_a_moment_that_is_kept_only_once_an_event_came_after_it(
    lake: Lake, fresh: Fresh
) -> None:
    name, other = fresh(), fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    at = lake.ask("GET", "/v1/journal/head").json["at"]
    sql = f"SELECT a FROM lake.at('{name}', '{at}')"
    assert [status(lake.sql(sql)) for _ in range(2)] == ["lakehouse; fwd=bypass"] * 2
    lake.ingest(f"name={other}", b"a\n1\n")
    assert [status(lake.sql(sql)) for _ in range(2)] == ["lakehouse; fwd=miss", "lakehouse; hit"]


def test_listings_and_system_views_follow_every_event(lake: Lake, fresh: Fresh) -> None:
    asked = (
        "SHOW TABLES",
        "SELECT count(*) FROM lake.datasets",
        "SELECT max(seq) FROM lake.events",
    )
    before = [lake.sql(sql).json["rows"] for sql in asked]
    assert {status(lake.sql(sql)) for sql in asked} == {"lakehouse; hit"}
    lake.ingest(f"name={fresh()}", b"a\n1\n")
    after = [lake.sql(sql).json["rows"] for sql in asked]
    assert all(one != other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT random() AS x",
        "SELECT uuid() AS x",
        "SELECT gen_random_uuid() AS x",
        "SELECT now() AS x",
        "SELECT current_timestamp AS x",
        "SELECT CURRENT_DATE AS x",
        "SELECT * FROM (SELECT LocalTime AS x)",
        "SELECT age(TIMESTAMP '2020-01-01') AS x",
        "SELECT count(*) FROM range(1000) USING SAMPLE 10%",
        "SELECT count(*) FROM range(1000) TABLESAMPLE 10%",
        "SELECT i FROM range(9) t(i) ORDER BY random()",
        "SELECT (SELECT [x + random() FOR x IN [1]]) AS x",
        "EXPLAIN ANALYZE SELECT 1",
        *(
            f"SELECT count(*) FROM lake.{view.name}"
            for view in SYSTEM_VIEWS.values()
            if not view.cacheable
        ),
        "SELECT 1 FROM lake.queries JOIN lake.datasets ON true",
    ],
)
def test_what_depends_on_chance_or_time_is_not_cached(lake: Lake, sql: str) -> None:
    for _ in range(2):
        answer = lake.sql(sql)
        assert (answer.status, status(answer)) == (200, "lakehouse; fwd=bypass")
        assert "ETag" not in answer.headers


def test_who_has_it_already_is_told_so(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    sql = f"FROM {name}"
    tag = lake.sql(sql).headers["ETag"]
    for _ in range(2):
        answer = lake.sql(sql, {"If-None-Match": tag})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
        assert answer.seq == lake.head() and answer.headers["Query-Id"]
    lake.ingest(f"name={name}", b"a\n2\n")
    assert lake.sql(sql, {"If-None-Match": tag}).json["rows"] == [[2]]


def test_a_client_may_insist_on_a_fresh_answer(lake: Lake) -> None:
    sql = "SELECT 'insist' AS x"
    lake.sql(sql)
    assert status(lake.sql(sql, {"Cache-Control": "no-cache"})) == "lakehouse; fwd=miss"
    assert status(lake.sql(sql)) == "lakehouse; hit"


def test_what_failed_or_was_too_large_is_not_kept(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", query_cache_mb=1) as lake:
        for sql in ("SELECT error('no')", "SELECT nope", "DROP TABLE x"):
            assert {lake.sql(sql).status for _ in range(2)} & {400, 403}
        sql = "FROM range(100000)"
        assert [status(lake.sql(sql)) for _ in range(2)] == ["lakehouse; fwd=miss"] * 2
        late = "SELECT if(i < 3000000, i, error('late')::BIGINT) AS x FROM range(9000000) t(i)"
        for _ in range(2):
            assert not lake.raw(lake.request("POST", "/v1/sql", {"sql": late})).endswith(
                b"0\r\n\r\n"
            )


def test_it_can_be_turned_off(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", query_cache_mb=0) as lake:
        assert [status(lake.sql("SELECT 1")) for _ in range(2)] == ["lakehouse; fwd=miss"] * 2


def test_an_answer_from_the_cache_needs_no_worker(tmp_path: Path) -> None:
    long = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range > b.range"
    with (
        running_lake(tmp_path / "bucket", query_workers=1) as lake,
        closing(lake.connect()) as sock,
    ):
        lake.sql("SELECT 7 AS x")
        sock.sendall(lake.request("POST", "/v1/sql", {"sql": long}))
        while not lake.ask("GET", "/v1/queries").json["queries"]:
            pass
        assert lake.sql("SELECT 7 AS x", timeout_ms=20_000).json["rows"] == [[7]]
        assert lake.sql("SELECT 8 AS x", timeout_ms=200).status == 504
