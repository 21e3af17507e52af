"""Streams of rows: what a client sees while it sends, and what is there afterwards."""

import gzip
import socket
import zlib
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import zstandard
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Client
from refusals import refused
from row_stream import RowStream, row_stream, rows
from waiting import wait_until

from lakehouse.service.service import ServiceLimits
from lakehouse.service.streaming.limits import StreamLimits

Fresh = Callable[[], str]
AT_ONCE = ServiceLimits(streams=StreamLimits(group_s=0.01, group_bytes=1024, line_bytes=4096))
PATIENT = ServiceLimits(streams=StreamLimits(group_s=1e6, idle_s=2e6, group_bytes=1 << 20))
"""Only the end of the stream, or a full group, commits."""


def values(lake: Lake, name: str) -> list[int]:
    found = lake.sql(f"SELECT n FROM {name} ORDER BY n").json["rows"]
    return [number for [number] in found]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_lake(tmp_path_factory.mktemp("quick") / "bucket", AT_ONCE) as lake:
        yield lake


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_lake(tmp_path_factory.mktemp("patient") / "bucket", PATIENT) as lake:
        yield lake


def test_rows_are_acknowledged_while_the_request_is_open(quick: Lake, fresh: Fresh) -> None:
    with row_stream(quick, name := fresh()) as stream:
        assert stream.begun() == 200
        assert stream.response.headers["Content-Type"] == "application/x-ndjson"
        stream.send(rows(1, 2))
        first = stream.line()
        assert (first["rows"], first["lines"], first["rows_quarantined"]) == (2, [1, 3], 0)
        assert values(quick, name) == [1, 2]
        stream.send(rows(3))
        second = stream.line()
        assert (second["rows"], second["lines"], second["seq"]) == (1, [3, 4], first["seq"] + 1)
        stream.finish()
        [last] = stream.rest()
    assert last == {
        "done": True, "seq": second["seq"], "rows": 3, "rows_quarantined": 0, "groups": 2,
        "lines": [1, 4],
    }  # fmt: skip
    assert quick.spooled() == []


def test_each_group_is_an_append_with_its_lines(quick: Lake, fresh: Fresh) -> None:
    with row_stream(quick, name := fresh(), "?first_line=11") as stream:
        stream.begun()
        stream.send(rows(1, 2))
        ack = stream.line()
        stream.finish()
        assert stream.line()["lines"] == [11, 13]
    history = quick.ask("GET", f"/v1/catalog/history/{name}").json["events"]
    [event] = history
    assert (event["seq"], event["type"]) == (ack["seq"], "dataset_appended")
    assert event["data"]["source"]["options"] == [["format", "ndjson"], ["lines", "11-13"]]


def test_a_group_is_committed_when_it_is_full(patient: Lake, fresh: Fresh) -> None:
    line = b'{"n": 1, "text": "%s"}\n' % (b"x" * 1000)
    with row_stream(patient, fresh()) as stream:
        stream.begun()
        stream.send(*[line * 64] * 17)
        ack = stream.line()
        assert 1024 <= ack["rows"] <= 1088
        stream.finish()
        assert stream.rest()[-1]["rows"] == 64 * 17


def test_the_end_commits_the_rest_and_a_last_line_needs_no_end(patient: Lake, fresh: Fresh) -> None:
    with row_stream(patient, name := fresh()) as stream:
        stream.send(rows(1), b'{"n": ', b"2}")
        stream.finish()
        stream.begun()
        ack, last = stream.rest()
    assert (ack["lines"], last["done"], last["groups"]) == ([1, 3], True, 1)
    assert values(patient, name) == [1, 2]


def test_characters_may_be_cut_between_chunks_and_lines_be_empty(
    patient: Lake, fresh: Fresh
) -> None:
    text = '\n{"n": 1, "s": "größe €"}\n\n \n{"n": 2, "s": "😀"}\n\n'.encode()
    with row_stream(patient, name := fresh()) as stream:
        stream.send(*[text[at : at + 1] for at in range(len(text))])
        stream.finish()
        stream.begun()
        last = stream.rest()[-1]
    assert (last["rows"], last["lines"]) == (2, [1, 7])
    found = patient.sql(f"SELECT s FROM {name} ORDER BY n").json["rows"]
    assert found == [["größe €"], ["😀"]]


def test_a_stream_without_rows_changes_nothing(patient: Lake, fresh: Fresh) -> None:
    head = patient.head()
    with row_stream(patient, fresh()) as stream:
        stream.send(b"\n\n")
        stream.finish()
        stream.begun()
        [last] = stream.rest()
    assert last["done"] and (last["seq"], last["groups"], last["lines"]) == (None, 0, [1, 3])
    assert patient.head() == head


@pytest.mark.parametrize("code", ["gzip", "zstd"])
def test_a_compressed_stream_is_read_as_it_is_flushed(quick: Lake, fresh: Fresh, code: str) -> None:
    if code == "gzip":
        packer: Any = zlib.compressobj(wbits=31)
        flush = zlib.Z_SYNC_FLUSH
    else:
        packer = zstandard.ZstdCompressor().compressobj()
        flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    with row_stream(quick, fresh(), headers={"Content-Encoding": code}) as stream:
        stream.begun()
        stream.send(packer.compress(rows(1)) + packer.flush(flush))
        assert stream.line()["lines"] == [1, 2]
        stream.send(packer.compress(rows(2)) + packer.flush())
        stream.finish()
        assert stream.rest()[-1]["rows"] == 2


def test_a_truncated_gzip_stream_is_an_error_after_its_groups(quick: Lake, fresh: Fresh) -> None:
    packed = gzip.compress(rows(1, 2))
    with row_stream(quick, name := fresh()) as stream:
        stream.begun()
        stream.send(packed[:-9])
        acks = [stream.line()]
        stream.finish()
        last = stream.rest()[-1]
    assert (last["code"], last["status"]) == ("malformed_encoding", 422)
    assert last["committed"] == acks[0]["lines"]
    assert len(values(quick, name)) == acks[0]["rows"]


def test_a_bad_line_ends_the_stream_and_its_group_leaves_nothing(quick: Lake, fresh: Fresh) -> None:
    with row_stream(quick, name := fresh()) as stream:
        stream.begun()
        stream.send(rows(1, 2))
        assert stream.line()["lines"] == [1, 3]
        stream.send(rows(3) + b'{"n": }\n' + rows(5))
        [last] = stream.rest()
    assert (last["code"], last["status"], last["retryable"]) == ("malformed_ndjson", 422, False)
    assert last["errors"][0]["line"] == 4 and "line 4" in last["detail"]
    assert last["committed"] == [1, 3]
    assert values(quick, name) == [1, 2]
    assert quick.spooled() == []


def test_a_value_that_does_not_fit_names_the_line_of_the_stream(quick: Lake, fresh: Fresh) -> None:
    with row_stream(quick, name := fresh()) as stream:
        stream.begun()
        stream.send(rows(1, 2))
        stream.line()
        stream.send(rows(3) + b'{"n": 0.5}\n')
        [last] = stream.rest()
    assert last["code"] == "schema_conflict"
    assert last["errors"][0]["line"] == 4
    assert values(quick, name) == [1, 2]


def test_new_members_widen_and_bad_rows_are_put_in_quarantine(quick: Lake, fresh: Fresh) -> None:
    query = "?schema_change=widen&on_error=quarantine"
    with row_stream(quick, name := fresh(), query) as stream:
        stream.begun()
        stream.send(rows(1))
        stream.line()
        stream.send(b'{"n": 2, "new": true}\nnonsense\n')
        ack = stream.line()
        assert (ack["rows"], ack["rows_quarantined"], ack["lines"]) == (1, 1, [2, 4])
        stream.finish()
        assert stream.rest()[-1]["rows_quarantined"] == 1
    found = quick.sql(f"SELECT n, new FROM {name} ORDER BY n").json["rows"]
    assert found == [[1, None], [2, True]]
    [aside] = quick.ask("GET", f"/v1/catalog/quarantine/{name}").json["files"]
    assert aside["row_count"] == 1
    raw = quick.ask("GET", f"/v1/catalog/quarantine/{name}?raw=true")
    assert raw.body == b"nonsense\n"


def test_a_line_that_is_too_long_is_named(quick: Lake, fresh: Fresh) -> None:
    with row_stream(quick, fresh()) as stream:
        stream.begun()
        stream.send(rows(1))
        stream.line()
        stream.send(b'{"n": "' + b"x" * 5000)
        [last] = stream.rest()
    assert (last["code"], last["errors"][0]["line"]) == ("malformed_ndjson", 2)


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("?mode=replace", {}, 400, "invalid_request"),
        ("?stage=true", {}, 400, "invalid_request"),
        ("?key=n", {}, 400, "invalid_request"),
        ("?delimiter=;", {}, 400, "invalid_request"),
        ("?min_rows=3", {}, 400, "invalid_request"),
        ("?schema_change=replace", {}, 400, "invalid_request"),
        ("?dry_run=true", {}, 400, "invalid_request"),
        ("?types=n:nonsense", {}, 400, "invalid_request"),
        ("?first_line=0", {}, 400, "invalid_request"),
        ("", {"Content-Type": "text/csv"}, 415, "unsupported_media_type"),
        ("", {"Content-Encoding": "br"}, 415, "unsupported_media_type"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_answer_begins(
    patient: Lake, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {"Content-Type": "application/x-ndjson", **headers}
    answer = patient.ask("POST", f"/v1/stream/never{query}", rows(1), sent)
    refused(answer, status, code)


def test_the_answer_begins_only_when_the_body_is_wanted(patient: Lake, fresh: Fresh) -> None:
    with row_stream(patient, fresh(), headers={"Expect": "100-continue"}) as stream:
        assert stream.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert stream.begun() == 200
        stream.send(rows(1))
        stream.finish()
        assert stream.rest()[-1]["rows"] == 1


def test_a_client_that_goes_away_leaves_no_half_group(patient: Lake, fresh: Fresh) -> None:
    name = fresh()
    with row_stream(patient, name) as stream:
        stream.begun()
        stream.send(rows(1, 2), b'{"n"')
        wait_until(lambda: patient.service.streams._memory.held_bytes > 0)
        stream.reset()
    wait_until(lambda: patient.service.streams.gate.inside == 0)
    assert patient.service.streams._memory.held_bytes == 0
    assert patient.spooled() == []
    refused(patient.manifest(name), 404, "dataset_not_found")


def test_a_body_that_is_cut_gets_its_error_on_the_other_half(patient: Lake, fresh: Fresh) -> None:
    with row_stream(patient, name := fresh()) as stream:
        stream.begun()
        stream.send(rows(1))
        stream.sock.shutdown(socket.SHUT_WR)
        [last] = stream.rest()
    assert (last["code"], last["committed"]) == ("incomplete_body", None)
    refused(patient.manifest(name), 404, "dataset_not_found")


def test_a_client_that_never_reads_is_still_served(quick: Lake, fresh: Fresh) -> None:
    """Its acknowledgements become one line, so that nothing grows, and its rows are committed."""
    with row_stream(quick, name := fresh()) as stream:
        for number in range(30):
            stream.send(rows(number))
            wait_until(lambda sent=number: _count(quick, name) == sent + 1)
        stream.finish()
        stream.begun()
        found = stream.rest()
    assert sum(each["rows"] for each in found[:-1]) == 30
    assert found[-1]["rows"] == 30


def _count(lake: Lake, name: str) -> int:
    answer = lake.manifest(name)
    return int(answer.json["row_count"]) if answer.status == 200 else 0


def test_a_right_that_is_revoked_ends_the_stream_and_is_audited(own_lake: Lake) -> None:
    own_lake.token = closed(own_lake)
    writer = principal(own_lake, "wim", {"sales": ["write"]})
    with row_stream(writer, "sales") as stream:
        assert stream.begun() == 200
        stream.send(rows(1))
        assert stream.line()["lines"] == [1, 2]
        gone = own_lake.ask("DELETE", "/v1/access/grants?principal=wim&on=sales")
        assert gone.status in (200, 204)
        stream.send(rows(2))
        [last] = stream.rest()
    assert (last["code"], last["committed"]) == ("forbidden", [1, 2])
    assert own_lake.manifest("sales").json["row_count"] == 1


def test_more_streams_than_there_may_be_are_busy(tmp_path: Any) -> None:
    limits = ServiceLimits(streams=StreamLimits(streams=1))
    with (
        running_lake(tmp_path / "bucket", limits, queries=False) as lake,
        row_stream(lake, "a") as stream,
    ):
        stream.begun()
        refused(lake.ask("POST", "/v1/stream/a", rows(1)), 503, "busy")


def test_a_principal_has_as_many_streams_as_ingests(own_lake: Lake) -> None:
    own_lake.token = closed(own_lake)
    writer = principal(own_lake, "wim", {"*": ["write"]}, limits={"ingests": 1})
    with row_stream(writer, "a") as stream:
        stream.begun()
        refused(writer.ask("POST", "/v1/stream/b", rows(1)), 503, "busy")
        assert own_lake.ask("POST", "/v1/stream/b", rows(1)).status == 200


def test_a_server_that_stops_commits_what_has_come(tmp_path: Any) -> None:
    with running_lake(tmp_path / "bucket", PATIENT, queries=False) as lake:
        sock = lake.connect()
        request = lake.request("POST", "/v1/stream/a", None, {"Transfer-Encoding": "chunked"})
        stream = RowStream(sock)
        sock.sendall(request)
        stream.begun()
        stream.send(rows(1, 2), b'{"n"')
        wait_until(lambda: lake.service.streams._memory.held_bytes == len(rows(1, 2)) + 4)
    with closing(sock):
        ack, last = stream.rest()
    assert ack["lines"] == [1, 3]
    assert (last["code"], last["retryable"], last["committed"]) == ("shutting_down", True, [1, 3])
    with running_lake(tmp_path / "bucket", queries=False) as again:
        assert again.manifest("a").json["row_count"] == 2


def test_a_client_of_http_1_0_sends_a_length(patient: Lake, fresh: Fresh) -> None:
    body = rows(1, 2)
    head = (
        f"POST /v1/stream/{fresh()} HTTP/1.0\r\nHost: {patient.host}\r\nContent-Length: {len(body)}"
    )
    answer = Client(patient.port).raw(head.encode() + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.0 200") and answer.endswith(b"}\n")
    assert b'"done":true' in answer
