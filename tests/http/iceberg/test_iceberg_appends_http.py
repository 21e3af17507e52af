"""Appends of other engines through the Iceberg catalog. `ops/engines` makes them with pyiceberg."""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from iceberg_append_requests import ROW, TABLES, Json, error, get, metadata, refusal, send, staged
from iceberg_writer import Staged
from lake_server import Lake, running_lake
from principals import closed, principal
from refusals import nothing_changes


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("appends") / "bucket", iceberg_writes=True) as lake:
        yield lake


def values(lake: Lake, name: str) -> list[list[Any]]:
    rows: list[list[Any]] = lake.sql(f"FROM {name} ORDER BY ALL").json["rows"]
    return rows


def test_an_append_of_several_files_is_one_event(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    before = lake.head()
    tables = [pa.table({"a": pa.array([number], pa.int64())}) for number in (5, 6)]
    done = send(lake, name, staged(lake, name, *tables).commit())
    assert done.status == 200, done.body
    assert lake.head() == before + 1
    assert values(lake, name) == [[1], [5], [6]]
    found = done.json["metadata"]
    assert found["current-snapshot-id"] == before + 1
    assert found["snapshots"][-1]["summary"]["operation"] == "append"
    assert found == metadata(lake, name)
    assert json.loads(get(done.json["metadata-location"])) == found
    assert "staging" not in json.dumps(found["snapshots"])


def test_the_same_snapshot_is_appended_once(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    append = staged(lake, name)
    first = send(lake, name, append.commit())
    with nothing_changes(lake):
        again = send(lake, name, append.commit())
        on_the_new_base = send(lake, name, append.commit(metadata(lake, name)))
    assert (first.status, again.status, on_the_new_base.status) == (200, 200, 200)
    assert again.json == first.json
    assert values(lake, name) == [[1], [7]]


def test_a_stale_base_is_refused_and_the_retry_lands(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    append = staged(lake, name)
    lake.ingest(f"name={name}&mode=append", b"a\n2\n")
    with nothing_changes(lake):
        assert error(send(lake, name, append.commit())) == (409, "CommitFailedException")
    assert send(lake, name, append.commit(metadata(lake, name))).status == 200
    assert values(lake, name) == [[1], [2], [7]]


def test_another_process_that_was_faster(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with (
        running_lake(bucket, iceberg_writes=True) as lake,
        running_lake(bucket, iceberg_writes=True, poll_interval_s=3_600.0) as slow,
    ):
        lake.ingest("name=t", b"a\n1\n")
        slow.sql("SELECT 1", (("X-Min-Seq", str(lake.head())),))
        append, other = staged(slow, "t"), staged(lake, "t")
        assert send(lake, "t", other.commit()).status == 200
        # The other process does not know of it before it commits.
        assert error(send(slow, "t", append.commit())) == (409, "CommitFailedException")
        assert send(slow, "t", other.commit()).status == 200, "made by the other process"
        assert send(slow, "t", append.commit(metadata(lake, "t"))).status == 200
        assert values(slow, "t") == [[1], [7], [7]]


def test_columns_of_all_types_and_none(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"id,name,price,day,at\n1,x,1.5,2026-01-02,2026-01-02T03:04:05\n")
    columns = lake.sql(f"FROM {name}", (("Accept", "application/vnd.apache.arrow.stream"),))
    table = pa.ipc.open_stream(io.BytesIO(columns.body)).read_all()
    assert send(lake, name, staged(lake, name, table).commit()).status == 200
    rows = values(lake, name)
    assert len(rows) == 2
    assert rows[0] == rows[1]
    assert send(lake, name, staged(lake, name, table.slice(0, 0)).commit()).status == 200
    assert values(lake, name) == rows


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (pa.table({"a": ["x"]}), ["a"]),
        (pa.table({"a": pa.array([1], pa.int64()), "b": ["x"]}), ["b"]),
        (pa.table({"b": pa.array([1], pa.int64())}), ["a", "b"]),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_its_name(
    lake: Lake, fresh: Callable[[], str], table: pa.Table, names: list[str]
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    append, head = staged(lake, name, ROW, table), lake.head()
    answer = send(lake, name, append.commit())
    assert lake.head() == head
    assert error(answer) == (400, "BadRequestException")
    message = answer.json["error"]["message"]
    assert f"{append.snapshot_id}-1.parquet" in message
    assert any(each in message for each in names)


def test_another_tables_files_are_not_taken(lake: Lake, fresh: Callable[[], str]) -> None:
    name, other = fresh(), fresh()
    for each in (name, other):
        lake.ingest(f"name={each}", b"a\n1\n")
    theirs = staged(lake, other)

    def change(append: Staged) -> Json:
        append.entries = theirs.entries
        return append.commit()

    assert refusal(lake, name, change) == (400, "BadRequestException")
    body = theirs.commit()
    with nothing_changes(lake):
        assert error(send(lake, name, body)) == (409, "CommitFailedException")


def test_writes_are_off_unless_they_are_set(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        lake.ingest("name=t", b"a\n1\n")
        config = lake.ask("GET", "/iceberg/v1/config").json
        assert f"POST /v1/{{prefix}}{TABLES.removeprefix('/iceberg/v1')}" not in config["endpoints"]
        assert refusal(lake, "t", Staged.commit) == (406, "UnsupportedOperationException")


def test_the_past_is_not_appended_to(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    seq = lake.ingest(f"name={name}", b"a\n1\n").seq
    body = staged(lake, name).commit()
    with nothing_changes(lake):
        answer = lake.ask("POST", f"/iceberg/v1/at{seq}/namespaces/lake/tables/{name}", body)
        assert answer.status == 406
        assert send(lake, "absent", body).status == 404
        assert lake.ask("POST", "/iceberg/v1/transactions/commit", body).status == 406


def test_who_may_append(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", iceberg_writes=True) as lake:
        lake.token = closed(lake)
        for name in ("t", "u"):
            lake.ingest(f"name={name}", b"a\n1\n")
        append = staged(lake, "t")
        writer = principal(lake, "writer", {"t": ["read", "write"]})
        reader = principal(lake, "reader", {"t": ["read"]})
        blind = principal(lake, "blind", {"t": ["write"]})
        with nothing_changes(lake):
            assert error(send(reader, "t", append.commit())) == (403, "ForbiddenException")
            assert error(send(writer, "u", append.commit())) == (403, "ForbiddenException")
            assert error(send(blind, "t", append.commit())) == (404, "NoSuchTableException")
        assert send(writer, "t", append.commit()).status == 200
        assert values(lake, "t") == [[1], [7]]


def test_staged_files_are_collected_when_they_are_a_day_old(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with running_lake(bucket, iceberg_writes=True) as lake:
        lake.ingest("name=t", b"a\n1\n")
        assert send(lake, "t", staged(lake, "t").commit()).status == 200
        below = bucket / "_iceberg" / "staging"
        files = [path for path in below.rglob("*") if path.is_file()]
        assert len(files) == 3
        lake.ask("POST", "/v1/gc", {"dry_run": False})
        assert all(path.exists() for path in files)
        for path in files:
            os.utime(path, (0, 0))
        done = lake.ask("POST", "/v1/gc", {"dry_run": False}).json
        assert [each["verdict"] for each in done["objects"]] == ["derived"] * 3
        assert not any(path.exists() for path in files)
        assert values(lake, "t") == [[1], [7]]
