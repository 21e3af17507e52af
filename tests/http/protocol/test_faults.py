"""What a client gets when machinery below fails: the store, the journal, the workers, ourselves."""

import errno
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lake_server import Lake, running_lake
from other_writer import append_slot
from refusals import refused
from structlog.testing import LogCapture

import lakehouse.process.spool
from journal.bucket.errors import BucketBroken, BucketFull, BucketRefused, BucketUnavailable
from journal.bucket.port import Answer, Created
from journal.events import ObjectsCollected, ObjectsMarked
from journal.slot import FORMAT

SECRET = "AKIA-secret"


@pytest.fixture
def sql_lake(tmp_path: Path) -> Iterator[Lake]:
    """One test's own, with a process for queries."""
    with running_lake(tmp_path / "bucket") as server:
        yield server


def blob_of(lake: Lake, key: str) -> str:
    return lake.service.node.state.inventory.keys[key]


def raising(error: Exception) -> Callable[..., Any]:
    async def fails(*_: object) -> None:
        raise error

    return fails


def streaming(error: Exception, *first: bytes) -> Callable[..., AsyncIterator[bytes]]:
    async def fails(*_: object) -> AsyncIterator[bytes]:
        for piece in first:
            yield piece
        raise error

    return fails


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BucketUnavailable("no answer"), 503, "bucket_unavailable"),
        (BucketRefused("no access"), 503, "bucket_refused"),
        (BucketBroken("it forgot"), 503, "bucket_broken"),
        (BucketFull("no room"), 507, "insufficient_storage"),
    ],
)
def test_a_store_that_fails_is_told_by_what_it_did(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    lake.put("stored")
    bucket = lake.service.node.bucket
    monkeypatch.setattr(bucket, "stream", streaming(error))
    refused(lake.get("stored"), status, code)
    monkeypatch.setattr(bucket, "upload", raising(error))
    refused(lake.put("new", code), status, code)
    refused(lake.ingest(f"name={code}"), status, code)
    monkeypatch.undo()
    assert lake.put("new", code).status == 200
    assert lake.spooled() == []


def test_an_answer_that_breaks_midway_never_looks_complete(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytes(12 << 20)
    lake.put("long", body)
    bucket = lake.service.node.bucket
    whole = bucket.stream

    def fails(key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        return (
            streaming(BucketUnavailable("gone"))()
            if start >= 8 << 20
            else whole(key, start, length)
        )

    monkeypatch.setattr(bucket, "stream", fails)
    received = lake.raw(lake.request("GET", "/v1/storage/get/long"))
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert 0 < len(rest) < len(body)


def test_a_bug_is_told_without_its_words(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, logged: LogCapture
) -> None:
    error = ValueError(f"{SECRET} /etc/lakehouse")
    monkeypatch.setattr(lake.service.storage, "list", raising(error))
    answer = refused(lake.ask("GET", "/v1/storage/list"), 500, "internal_error")
    assert SECRET not in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    assert [entry["request_id"] for entry in logged.entries if entry["event"] == "bug"] == [
        answer.json["request_id"]
    ]
    logged.entries.clear()
    assert lake.ask("GET", "/health").status == 200


def test_a_full_disk_below_the_spool(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/secret/spool")

    monkeypatch.setattr(lakehouse.process.spool.os, "write", full)
    answer = lake.put("a")
    monkeypatch.undo()
    refused(answer, 507, "insufficient_storage")
    assert "/srv" not in answer.body.decode()
    assert lake.spooled() == []


def test_a_referenced_object_that_is_absent_is_lost(sql_lake: Lake) -> None:
    sql_lake.put("a")
    made = sql_lake.ingest("name=t").json
    (sql_lake.bucket / blob_of(sql_lake, "a")).unlink()
    (sql_lake.bucket / made["objects"][0]["key"]).unlink()
    answer = refused(sql_lake.get("a"), 500, "object_lost")
    assert answer.json["errors"] == [{"key": "a", "datasets": []}]
    assert str(sql_lake.bucket) not in answer.body.decode()
    answer = sql_lake.sql("SELECT * FROM t")
    assert answer.json["code"] in ("object_lost", "sql_error")
    assert str(sql_lake.bucket) not in answer.body.decode()


def test_what_was_collected_is_gone_and_says_since_when(own_lake: Lake) -> None:
    old = own_lake.put("a", b"old").seq
    blob = blob_of(own_lake, "a")
    own_lake.put("a", b"new")
    append_slot(own_lake, ObjectsMarked("run", 2, (blob,)))
    own_lake.ask("GET", "/ready")
    append_slot(own_lake, ObjectsCollected("run", (blob,)))
    own_lake.ask("GET", "/ready")
    (own_lake.bucket / blob).unlink()
    answer = refused(own_lake.get(f"a?as_of={old}"), 410, "objects_collected")
    assert "4" in answer.json["detail"]
    assert own_lake.get("a").body == b"new"


def test_a_journal_of_a_newer_version_is_read_up_to_there(own_lake: Lake) -> None:
    own_lake.put("a")
    append_slot(own_lake, ObjectsMarked("run", 1, ()), min_reader=FORMAT + 1)
    refused(own_lake.ask("GET", "/ready"), 503, "upgrade_required")
    refused(own_lake.put("b"), 503, "upgrade_required")
    assert own_lake.get("a").status == 200


def test_a_refused_slot_is_certainly_not_done(
    own_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def create(*_: object) -> Created:
        return Created(Answer.REFUSED, "no access")

    monkeypatch.setattr(own_lake.service.node.bucket, "create", create)
    answer = refused(own_lake.put("a"), 503, "not_committed")
    assert answer.json["retryable"] is True
    monkeypatch.undo()
    assert own_lake.put("a").seq == 1


def test_an_unknown_outcome_says_so_and_the_key_settles_it(
    own_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = own_lake.service.node
    create = node.bucket.create

    async def lands_unheard(key: str, body: bytes) -> Created:
        await create(key, body)
        return Created(Answer.UNKNOWN, "timeout")

    monkeypatch.setattr(node.bucket, "create", lands_unheard)
    monkeypatch.setattr(node.bucket, "read", raising(BucketUnavailable("timeout")))
    limits = msgspec.structs.replace(node.writer._limits, deadline_s=0.3)
    monkeypatch.setattr(node.writer, "_limits", limits)
    token = {"Idempotency-Key": "again"}
    answer = refused(own_lake.put("a", b"x", token), 503, "outcome_unknown")
    assert answer.json["retryable"] is True
    monkeypatch.undo()
    again = own_lake.put("a", b"x", token)
    assert (again.status, again.seq, own_lake.head()) == (200, 1, 1)


def test_a_clock_that_is_off_the_stores_does_not_write(
    own_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def now() -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    monkeypatch.setattr(own_lake.service.node.bucket, "now", now)
    refused(own_lake.put("a"), 503, "clock_skew")
    assert own_lake.ask("GET", "/v1/catalog/list").status == 200


def test_a_process_that_stops_takes_no_more_changes(own_lake: Lake) -> None:
    own_lake.put("a")
    own_lake.run(own_lake.service.node.writer.drain())
    refused(own_lake.put("b"), 503, "shutting_down")
    assert own_lake.get("a").status == 200


def test_a_change_too_large_for_one_event(lake: Lake) -> None:
    header = ",".join(f"{number}{'x' * 500_000}" for number in range(20))
    values = ",".join(["1"] * 20)
    answer = lake.ingest("name=wide", f"{header}\n{values}\n")
    refused(answer, 413, "command_too_large")
    refused(lake.manifest("wide"), 404, "dataset_not_found")


LONG = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range % 3"


def test_a_query_whose_process_is_killed(sql_lake: Lake) -> None:
    worker = sorted(sql_lake.service.sql._engine._pool._idle, key=lambda each: each.threads)[-1]
    timer = threading.Timer(0.3, os.kill, (worker.pid, 9))
    timer.start()
    answer = refused(sql_lake.sql(LONG), 503, "query_killed")
    timer.join()
    assert answer.json["retryable"] is True
    assert sql_lake.sql("SELECT 1 AS x").status == 200


def test_a_query_that_wants_more_memory_than_there_is(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", query_memory_mb=64) as lake:
        text = "SELECT len(list(range || 'xxxxxxxxxxxxxxxxxxxxxxxx')) FROM range(20000000)"
        refused(lake.sql(text), 507, "query_out_of_memory")
        assert lake.sql("SELECT 1 AS x").status == 200
