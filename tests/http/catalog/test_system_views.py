"""The lake asked about itself, in SQL: `lake.*` says what the other routes say."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest
from lake_server import Lake, running_lake
from refusals import refused

from lakehouse.system.event_files import FEW
from lakehouse.system.view_table import SYSTEM_VIEWS

Fresh = Callable[[], str]


def test_every_system_view_has_the_columns_of_its_record(lake: Lake) -> None:
    for view in SYSTEM_VIEWS.values():
        answer = lake.sql(f"FROM lake.{view.name} LIMIT 0", format="arrow")
        assert answer.status == 200, view.name
        with pa.ipc.open_stream(answer.body) as stream:
            assert (stream.schema.names, view.name) == (view.columns.names, view.name)
            assert stream.schema.types == view.columns.types, view.name


def test_an_unknown_system_view_is_refused_with_those_that_exist(lake: Lake) -> None:
    answer = lake.sql("FROM lake.secrets")
    detail = refused(answer, 400, "sql_error").json["detail"]
    assert detail.endswith(f"the system views are {', '.join(sorted(SYSTEM_VIEWS))}")


def test_datasets_are_what_the_catalog_lists(lake: Lake, fresh: Fresh) -> None:
    made = lake.ingest(f"name={fresh()}", b"a,b\n1,x\n2,y\n").json
    lake.ingest(f"name={fresh()}", b"z\n")
    answer = lake.sql("FROM lake.datasets", format="ndjson")
    listed = lake.ask("GET", "/v1/catalog/list").json["datasets"]
    same = (
        "name", "dataset_id", "schema_fingerprint", "row_count", "created_at", "updated_at", "seq",
    )  # fmt: skip
    reported = [json.loads(line) for line in answer.body.splitlines()]
    trimmed = [
        {**row, **{at: trim(row[at]) for at in ("created_at", "updated_at")}} for row in listed
    ]
    assert [{n: row[n] for n in same} for row in reported] == [
        {n: row[n] for n in same} for row in trimmed
    ]
    row = next(row for row in reported if row["name"] == made["name"])
    assert (row["object_count"], row["size_bytes"]) == (1, made["objects"][0]["size_bytes"])


def trim(at: str) -> str:
    """A time as SQL's JSON tells it: without the zeros at its end."""
    return at.rstrip("Z").rstrip("0").rstrip(".") + "Z"


def test_columns_have_positions_and_types(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a,b,c\n1,x,1.5\n")
    sql = "SELECT position, name, type FROM lake.columns WHERE dataset = ? ORDER BY position"
    assert lake.sql(sql, params=[name]).json["rows"] == [
        [1, "a", "int64"], [2, "b", "string"], [3, "c", "double"],
    ]  # fmt: skip


def test_objects_are_what_storage_lists_and_who_holds_them(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), f"in/{fresh()}.parquet"
    lake.ingest(f"name={name}", b"a\n1\n")
    lake.put(key, b"one")
    lake.register("holder", key)
    lake.put(key, b"another")
    sql = "SELECT key, size_bytes, sha256, seq FROM lake.objects WHERE is_current"
    listed = lake.ask("GET", "/v1/storage/list").json["objects"]
    assert lake.sql(sql).json["rows"] == [
        [row[each] for each in ("key", "size_bytes", "sha256", "seq")] for row in listed
    ]
    held = "SELECT size_bytes, is_current, datasets FROM lake.objects WHERE key = ? ORDER BY seq"
    assert lake.sql(held, params=[key]).json["rows"] == [[3, False, ["holder"]], [7, True, []]]
    owned = "SELECT count(*) FROM lake.objects WHERE list_contains(datasets, ?)"
    assert lake.sql(owned, params=[name]).json["rows"] == [[1]]


def test_events_are_what_the_feed_tells(lake: Lake, fresh: Fresh) -> None:
    lake.ingest(f"name={fresh()}", b"a\n1\n", {"X-Actor": "ana", "X-Change-Reason": "why",
        "Idempotency-Key": "k-1", "Content-Type": "text/csv"})  # fmt: skip
    names = ("seq", "position", "type", "v", "actor", "reason", "key", "correlation", "command")
    feed = lake.ask("GET", "/v1/journal/events?limit=1000").json["events"]
    sql = f'SELECT {", ".join(names)}, data, "at" FROM lake.events ORDER BY seq'
    rows = lake.sql(sql).json["rows"]
    assert [row[:-2] for row in rows] == [[event[name] for name in names] for event in feed]
    assert [json.loads(row[-2]) for row in rows] == [event["data"] for event in feed]
    assert [row[-1] for row in rows] == [trim(event["at"]) for event in feed]


def test_the_past_has_its_own_state(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    then = lake.ingest(f"name={name}", b"a\n1\n").seq
    lake.drop(name)
    for view in ("lake.datasets", "lake.columns", "lake.objects"):
        for as_of, wanted in ((then, 1), (None, 0)):
            where = {"datasets": "name", "columns": "dataset", "objects": "datasets[1]"}
            sql = f"SELECT count(*) FROM {view} WHERE {where[view[5:]]} = ?"
            assert lake.sql(sql, params=[name], as_of=as_of).json["rows"] == [[wanted]], view
    assert lake.sql("SELECT max(seq) FROM lake.events", as_of=then).json["rows"] == [[then]]
    assert lake.sql("SELECT count(*) FROM lake.events", as_of=0).json["rows"] == [[0]]


def test_queries_are_remembered_with_who_and_how(lake: Lake) -> None:
    lake.sql("SELECT 1 AS remembered", {"Query-Id": "log-1", "X-Actor": "ana"})
    lake.sql("SELEC", {"Query-Id": "log-2"})
    sql = "SELECT actor, sql, rows, outcome, ms > 0, size_bytes > 0 FROM lake.queries WHERE query_id = ?"
    ran = [["ana", "SELECT 1 AS remembered", 1, "done", True, True]]
    assert lake.sql(sql, params=["log-1"]).json["rows"] == ran
    assert lake.sql(sql, params=["log-2"]).json["rows"][0][3] == "sql_error"
    assert lake.sql(sql, {"Query-Id": "log-3"}, params=["log-3"]).json["rows"][0][3] is None


def test_refused_ingests_are_remembered_with_who_and_why(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    headers = (("Content-Type", "text/csv"), ("X-Actor", "ana"), ("X-Change-Reason", "monday"))
    lake.ingest(f"name={name}", b'a\n"open\n', headers)
    lake.ingest(f"name={name}", b"a\n1\n", headers)
    columns = "code, actor, reason, mode, size_bytes, sha256"
    sql = f"SELECT {columns} FROM lake.rejections WHERE dataset = '{name}'"
    digest = hashlib.sha256(b'a\n"open\n').hexdigest()
    assert lake.sql(sql).json["rows"] == [["malformed_csv", "ana", "monday", "replace", 8, digest]]


@pytest.mark.parametrize(
    "name",
    ["datasets", "columns", "objects", "events", "queries", "quarantine", "rejections", "audit"],
)
def test_an_empty_lake_has_empty_views(tmp_path: Path, name: str) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        answer = lake.sql(f"SELECT * FROM lake.{name} WHERE {name == 'queries'} IS FALSE")
        assert (answer.status, answer.json["rows"]) == (200, [])
        assert lake.sql(f"DESCRIBE lake.{name}").json["row_count"] > 3
        assert lake.sql(f"SELECT count(*) FROM LAKE.{name.upper()} x").status == 200


def test_system_views_join_with_datasets_and_with_themselves(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    sql = f"""SELECT (SELECT count(*) FROM {name}), count(*), any_value(d.row_count)
        FROM lake.datasets d JOIN lake.datasets e USING (name) JOIN lake.events v ON v.dataset = d.name
        WHERE d.name = '{name}'"""
    assert lake.sql(sql).json["rows"] == [[1, 1, 1]]


def test_there_is_nothing_else_in_the_schema(lake: Lake) -> None:
    detail = refused(lake.sql("FROM lake.secrets"), 400, "sql_error").json["detail"]
    assert "datasets" in detail
    refused(lake.sql('FROM "lake.datasets"'), 400, "sql_error")
    refused(lake.sql("SELECT * FROM lake.datasets()"), 403, "statement_not_allowed")
    assert ["lake"] not in lake.sql("SHOW TABLES").json["rows"]


def test_no_answer_about_a_system_view_shows_a_path(lake: Lake) -> None:
    for text in (
        "EXPLAIN ANALYZE FROM lake.events",
        "EXPLAIN (FORMAT json) FROM lake.objects",
        "SELECT filename FROM lake.events",
        "SELECT type::INT FROM lake.events",
    ):
        reported = lake.sql(text).body.decode()
        for hidden in (str(lake.bucket), "-system", "events-1", "objects-"):
            assert hidden not in reported, text


def test_files_of_system_views_go_with_the_server(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        lake.sql("FROM lake.datasets")
        assert list(lake.service.spool_dir.rglob("datasets-*.parquet"))
        folder = lake.service.spool_dir
    assert list(folder.rglob("*.parquet")) == []


BAD = b"a,b\n1,x\n2\n3,y,z\n4,w\n"


def test_what_was_set_aside_can_be_asked(lake: Lake, fresh: Fresh) -> None:
    names = sorted(fresh() for _ in range(3))
    seqs = {}
    for name in names[:2]:
        seqs[name] = lake.ingest(f"name={name}&on_error=quarantine", BAD).seq
    lake.ingest(f"name={names[2]}", b"a\n1\n")
    sql = """SELECT dataset, seq, line, "column", decode(raw), length(reason) > 3 FROM lake.quarantine
        ORDER BY ALL"""
    assert lake.sql(sql).json["rows"] == [
        row
        for name in names[:2]
        for row in (
            [name, seqs[name], 3, None, "2", True],
            [name, seqs[name], 4, None, "3,y,z", True],
        )
    ]
    keys = lake.sql("SELECT DISTINCT key FROM lake.quarantine").json["rows"]
    listed = lake.ask("GET", "/v1/storage/list").json["objects"]
    assert {key for (key,) in keys} <= {row["key"] for row in listed}
    counted = "SELECT count(*) FROM lake.quarantine WHERE dataset = ?"
    lake.drop(names[0])
    assert lake.sql(counted, params=[names[0]]).json["rows"] == [[0]]
    assert lake.sql(counted, params=[names[0]], as_of=seqs[names[0]]).json["rows"] == [[2]]


def test_a_plan_of_quarantine_shows_no_path(lake: Lake, fresh: Fresh) -> None:
    lake.ingest(f"name={fresh()}&on_error=quarantine", BAD)
    for prefix in ("EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (FORMAT json)"):
        reported = lake.sql(f"{prefix} FROM lake.quarantine WHERE dataset <> 'x'").body.decode()
        assert str(lake.bucket) not in reported and "objects/" not in reported.replace('"key"', "")


def test_only_the_events_that_can_be_seen_are_read(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        for number in range(70):
            lake.put(f"k{number}")
        folder = lake.service.spool_dir
        assert lake.sql("SELECT min(seq), max(seq) FROM lake.events WHERE seq > 66").json[
            "rows"
        ] == [[67, 70]]
        made = [path.name for path in folder.rglob("events-*.parquet")]
        assert made == ["events-65-70-all.parquet"]
        few = "SELECT count(*), min(seq) FROM lake.events WHERE seq BETWEEN 10 AND 12"
        assert lake.sql(few).json["rows"] == [[3, 10]]
        assert lake.sql("SELECT count(*) FROM lake.events").json["rows"] == [[70]]


def test_only_the_events_of_a_time_or_of_a_dataset_are_read(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        lake.register("Sales")
        for number in range(70):
            lake.put(f"k{number}")
        lake.register("Sales", "k1", fingerprint="f1")
        lake.drop("sales")

        def made() -> list[str]:
            folder = lake.service.spool_dir
            return sorted(path.name for path in folder.rglob("events-*.parquet"))

        own = "SELECT seq, type FROM lake.events WHERE dataset = 'Sales' ORDER BY seq"
        expected = [
            [1, "dataset_registered"], [72, "dataset_registered"], [73, "dataset_dropped"],
        ]  # fmt: skip
        assert lake.sql(own).json["rows"] == expected
        assert made() == ["events-sales-1-73-all.parquet"]
        assert lake.sql(own, as_of=72).json["rows"] == expected[:2]
        assert lake.sql(own.replace("Sales", "nothing")).json["rows"] == []
        feed = lake.ask("GET", "/v1/journal/events?after=68&limit=1").json["events"]
        late = f"""SELECT min(seq), count(*) FROM lake.events WHERE "at" >= '{feed[0]["at"]}'"""
        assert lake.sql(late).json["rows"] == [[69, 5]]
        assert "events-65-73-all.parquet" in made()
        assert "events-1-64-all.parquet" not in made()
        none = """SELECT count(*) FROM lake.events WHERE "at" < '2020-01-01'"""
        assert lake.sql(none).json["rows"] == [[0]]


def test_many_events_of_a_dataset_are_read_with_those_between_them(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        for number in range(FEW + 1):
            lake.ingest("name=sales&mode=append", b"a\n%d\n" % number)
        sql = "SELECT count(*) FROM lake.events WHERE dataset = 'sales'"
        assert lake.sql(sql).json["rows"] == [[FEW + 1]]
        folder = lake.service.spool_dir
        assert list(folder.rglob("events-sales-*.parquet")) == []
        assert lake.sql(f"{sql} AND seq > 3").json["rows"] == [[FEW - 2]]


def test_an_event_in_any_script_is_told_as_it_was_written(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), f"{fresh()}/größe-数"
    lake.ingest(f"name={name}", "größe,数\n1,\u00e9\n".encode())
    lake.put(quote(key), b"x")
    sql = "SELECT data FROM lake.events ORDER BY seq DESC LIMIT 2"
    feed = lake.ask("GET", "/v1/journal/events?limit=1000").json["events"][-2:]
    reported = [json.loads(row[0]) for row in lake.sql(sql).json["rows"]]
    assert reported == [event["data"] for event in reversed(feed)]
    assert reported[0]["key"] == key and reported[1]["schema"][1]["name"] == "数"
