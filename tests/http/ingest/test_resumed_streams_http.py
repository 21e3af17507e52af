"""Streams of rows that are continued: each line comes in once, whichever connection or process brings it."""

from collections.abc import Callable
from typing import Any

import pytest
from lake_server import Lake, running_lake
from refusals import refused
from row_stream import row_stream, rows

from lakehouse.service.service import ServiceLimits
from lakehouse.service.streaming.limits import StreamLimits

Fresh = Callable[[], str]
AT_ONCE = ServiceLimits(streams=StreamLimits(group_s=0.01, group_bytes=1024, line_bytes=4096))


def values(lake: Lake, name: str) -> list[int]:
    found = lake.sql(f"SELECT n FROM {name} ORDER BY n").json["rows"]
    return [number for [number] in found]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_lake(tmp_path_factory.mktemp("quick") / "bucket", AT_ONCE) as lake:
        yield lake


def test_a_stream_that_is_sent_again_brings_each_line_once(quick: Lake, fresh: Fresh) -> None:
    name, key = fresh(), {"Idempotency-Key": "again"}
    with row_stream(quick, name, headers=key) as stream:
        stream.begun()
        stream.send(rows(1, 2))
        seq = stream.line()["seq"]
        stream.reset()
    with row_stream(quick, name, headers=key) as stream:
        stream.begun()
        resumed = stream.line()
        assert (resumed["seq"], resumed["rows"], resumed["lines"]) == (seq, 0, [1, 3])
        stream.send(rows(1), b'{"n": 2}\n{"n"', b": 3}\n")
        assert stream.line()["lines"] == [3, 4]
        stream.finish()
        last = stream.rest()[-1]
        assert (last["rows"], last["lines"]) == (1, [1, 4])
    with row_stream(quick, name, "?first_line=4", key) as stream:
        stream.begun()
        assert stream.line()["lines"] == [1, 4]
        stream.send(rows(4))
        stream.finish()
        assert stream.rest()[-1]["lines"] == [1, 5]
    assert values(quick, name) == [1, 2, 3, 4]
    whole = quick.ask("POST", f"/v1/stream/{name}", rows(1, 2, 3, 4), key)
    assert whole.body.count(b"\n") == 2 and b'"rows":0' in whole.body
    assert values(quick, name) == [1, 2, 3, 4]


def test_a_gap_and_other_parameters_are_refused(quick: Lake, fresh: Fresh) -> None:
    name, key = fresh(), {"Idempotency-Key": "gap"}
    assert quick.ask("POST", f"/v1/stream/{name}", rows(1), key).status == 200
    gap = quick.ask("POST", f"/v1/stream/{name}?first_line=3", rows(3), key)
    refused(gap, 409, "expectation_failed")
    for query in (f"{name}?on_error=quarantine", f"{name}x"):
        reused = quick.ask("POST", f"/v1/stream/{query}", rows(1), key)
        refused(reused, 422, "idempotency_key_reused")


def test_of_two_connections_one_continues(quick: Lake, fresh: Fresh) -> None:
    name, key = fresh(), {"Idempotency-Key": "two"}
    with row_stream(quick, name, headers=key) as old, row_stream(quick, name, headers=key) as new:
        old.begun()
        new.begun()
        new.send(rows(1))
        assert new.line()["lines"] == [1, 2]
        old.send(rows(1, 2))
        [last] = old.rest()
        assert (last["code"], last["retryable"]) == ("not_committed", True)
        new.send(rows(2))
        assert new.line()["lines"] == [2, 3]
    assert values(quick, name) == [1, 2]


def test_another_process_continues_a_stream(tmp_path: Any) -> None:
    bucket, key = tmp_path / "bucket", {"Idempotency-Key": "moves"}
    with (
        running_lake(bucket, AT_ONCE, queries=False) as first,
        running_lake(bucket, AT_ONCE, queries=False, poll_interval_s=3600.0) as second,
    ):
        with row_stream(first, "d", headers=key) as stream:
            stream.begun()
            stream.send(rows(1, 2))
            assert stream.line()["lines"] == [1, 3]
            stream.reset()
        with row_stream(second, "d", headers=key) as stream:
            stream.begun()
            assert stream.line()["lines"] == [1, 3]
            stream.send(rows(1, 2, 3))
            stream.finish()
            assert stream.rest()[-1]["rows"] == 1
        assert second.manifest("d").json["row_count"] == 3
