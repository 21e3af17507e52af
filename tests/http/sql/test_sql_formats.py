"""Result formats over HTTP and on the command line: who asks for which, and how they end."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake
from refusals import refused

MEDIA_TYPES = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
ROWS = "SELECT i AS a, 'x' || i AS b, sum(i) OVER () AS s FROM range(3) t(i) ORDER BY i"


def rows(format_: str, body: bytes) -> list[list[object]]:
    if format_ == "json":
        return json.loads(body)["rows"]
    if format_ == "ndjson":
        return [list(json.loads(line).values()) for line in body.splitlines()]
    if format_ == "csv":
        return [
            [int(a), b, int(s)] for a, b, s in (x.split(",") for x in body.decode().split()[1:])
        ]
    whole = pa.BufferReader(body)
    table = pa.ipc.open_stream(whole).read_all() if format_ == "arrow" else pq.read_table(whole)
    return [[row["a"], row["b"], int(row["s"])] for row in table.to_pylist()]


@pytest.mark.parametrize("format_", MEDIA_TYPES)
def test_a_format_by_accept_by_name_and_by_media_type(lake: Lake, format_: str) -> None:
    media_type = MEDIA_TYPES[format_]
    for answer in (
        lake.sql(ROWS, {"Accept": media_type}),
        lake.sql(ROWS, {"Accept": f"text/html, {media_type};q=0.9, */*;q=0.1"}),
        lake.sql(ROWS, format=format_),
        lake.sql(ROWS, {"Accept": "text/html"}, format=media_type),
    ):
        assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
        assert answer.seq == lake.head()
        assert rows(format_, answer.body) == [[0, "x0", 3], [1, "x1", 3], [2, "x2", 3]]


@pytest.mark.parametrize("format_", MEDIA_TYPES)
def test_a_refusal_is_a_problem_whatever_the_format(lake: Lake, format_: str) -> None:
    refused(lake.sql("SELECT nope", format=format_), 400, "sql_error")
    refused(lake.sql("SELECT error('at once')", format=format_), 400, "sql_error")
    refused(lake.sql("COPY x TO 'y'", format=format_), 403, "statement_not_allowed")


@pytest.mark.parametrize("format_", MEDIA_TYPES)
def test_what_fails_midway_never_looks_complete(lake: Lake, format_: str) -> None:
    text = "SELECT if(i < 3000000, i, error('late')::BIGINT) AS x FROM range(9000000) t(i)"
    received = lake.raw(lake.request("POST", "/v1/sql", {"sql": text, "format": format_}))
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("format_", MEDIA_TYPES)
def test_an_empty_result_has_an_end(lake: Lake, format_: str) -> None:
    answer = lake.sql("SELECT 1 AS a, '' AS b, 2 AS s WHERE false", format=format_)
    assert answer.status == 200 and rows(format_, answer.body) == []


def test_what_ingest_read_csv_gives_back(lake: Lake) -> None:
    text = b'a,b,c\n1,,x\n2,"","y,""z"""\n,b,\n'
    lake.ingest("name=there", text)
    assert lake.sql("FROM there", format="csv").body == text


def shell(lake: Lake, *words: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "lakehouse", "sql", *words, "--bucket", str(lake.bucket)]
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.parametrize("format_", MEDIA_TYPES)
def test_the_command_line_writes_each_format(lake: Lake, format_: str) -> None:
    done = shell(lake, ROWS, "--format", format_)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rows(format_, done.stdout) == [[0, "x0", 3], [1, "x1", 3], [2, "x2", 3]]


def test_the_command_line_tells_a_failure_midway_by_its_exit_code(lake: Lake) -> None:
    text = "SELECT if(i < 3000000, i, error('late')::BIGINT) AS x FROM range(9000000) t(i)"
    done = shell(lake, text, "--format", "csv")
    assert done.returncode == 1 and b"late" in done.stderr and done.stdout.startswith(b"x\n0\n")


def test_csv_in_a_pipe_is_the_data_and_json_escapes(lake: Lake) -> None:
    text = "SELECT chr(27) || chr(155) || 'é' AS x"
    assert shell(lake, text, "--format", "csv").stdout == "x\n\x1b\x9bé\n".encode()
    assert b"\\u001b\\u009b" in shell(lake, text, "--format", "ndjson").stdout
