"""What a principal may stream in a day."""

from typing import Any

from lake_server import running_lake
from principals import closed, principal
from row_stream import row_stream, rows

from lakehouse.service.service import ServiceLimits
from lakehouse.service.streaming.limits import StreamLimits

AT_ONCE = ServiceLimits(streams=StreamLimits(group_s=0.01, group_bytes=1024, line_bytes=4096))


def test_a_stream_ends_when_the_bytes_of_the_day_are_used(tmp_path: Any) -> None:
    with running_lake(tmp_path / "bucket", AT_ONCE, queries=False) as lake:
        lake.token = closed(lake)
        limits = {"bytes_per_day": 3_000}
        writer = principal(lake, "wim", {"*": ["write"]}, limits=limits)
        with row_stream(writer, "d") as stream:
            stream.begun()
            stream.send(rows(*range(300)))
            assert stream.line()["rows"] == 300
            stream.send(rows(1))
            [last] = stream.rest()
    assert (last["code"], last["committed"]) == ("quota_exceeded", [1, 301])
