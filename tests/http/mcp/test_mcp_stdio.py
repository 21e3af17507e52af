"""`lakehouse mcp`: the same tools over stdin and stdout, on a bucket and on a server with a token."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from mcp_client import message
from principals import closed, token
from waiting import wait_until

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}},
}
END_S = 400
"""A process that has not ended by then hangs. On one busy CPU one test took 94 s."""


def run(lines: list[bytes], *words: str) -> list[dict[str, Any]]:
    """The answers to these lines, one a line; the process ends with its input."""
    command = [sys.executable, "-m", "lakehouse", "mcp", *words]
    done = subprocess.run(command, input=b"".join(lines), capture_output=True, timeout=END_S)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def line(body: object) -> bytes:
    return json.dumps(body).encode() + b"\n"


def call(tool: str, id_: int = 7, **arguments: Any) -> bytes:
    return line(message("tools/call", name=tool, arguments=arguments) | {"id": id_})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    bucket = tmp_path_factory.mktemp("stdio") / "bucket"
    with running_lake(bucket, query_workers=2) as lake:  # one query runs beside an endless one
        lake.ingest("name=sales", b"id\n1\n2\n")
        lake.token = closed(lake)
        yield lake


def test_a_bucket_answers_both_kinds_of_clients(lake: Lake) -> None:
    legacy = {"jsonrpc": "2.0", "id": 9, "method": "tools/call"}
    legacy["params"] = {"name": "query", "arguments": {"sql": "SELECT count(*) AS n FROM sales"}}
    lines = [
        line(INITIALIZE),
        line({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        b"\n",
        line(legacy),
        line(message("server/discover")),
        call("list_datasets", id_=10),
        call("preview_undo", id_=11, seq=1),
        line({"jsonrpc": "2.0", "id": 1, "method": "no/such"}),
        b"x" * (1024 * 1024 + 10) + b"\n",
        b"{\n",
    ]
    answers = run(lines, "--bucket", str(lake.bucket))
    found = {each["id"]: each.get("result") for each in answers}
    assert len(answers) == 8 and found.keys() == {0, 9, 7, 10, 11, 1, None}
    assert found[0]["protocolVersion"] == "2025-11-25"
    assert found[9]["structuredContent"]["rows"] == [[2]]
    assert found[7]["supportedVersions"] == ["2026-07-28"]
    assert found[10]["structuredContent"]["datasets"][0]["name"] == "sales"
    assert found[11]["structuredContent"]["dry_run"] is True
    codes = [each["error"]["code"] for each in answers if "error" in each]
    assert codes == [-32601, -32600, -32700]


@pytest.mark.parametrize("door", ["bucket", "url"])
def test_a_query_that_is_cancelled_stops_and_others_are_answered_beside_it(
    lake: Lake, door: str
) -> None:
    words = ["--bucket", str(lake.bucket)] if door == "bucket" else ["--url", f"http://{lake.host}"]
    command = [sys.executable, "-m", "lakehouse", "mcp", *words]
    environ = {**os.environ, "LAKEHOUSE_TOKEN": lake.token or ""}
    pipe = subprocess.PIPE
    endless = (
        "SELECT count(*) FROM range(10000000000) a(x), range(10000000000) b(y) WHERE x * y = 3"
    )
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(
            call("query", id_=1, sql=endless) + call("query", id_=2, sql="SELECT 2")
        )
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        assert (first["id"], first["result"]["structuredContent"]["rows"]) == (2, [[2]])
        if door == "url":
            wait_until(lambda: outcomes(lake, endless) == [None])
        cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1}}
        process.stdin.write(
            line({"jsonrpc": "2.0", **cancelled}) + call("query", id_=3, sql="SELECT 3")
        )
        rest, errors = process.communicate(timeout=END_S)
    (last,) = [json.loads(each) for each in rest.splitlines()]
    assert (last["id"], last["result"]["structuredContent"]["rows"]) == (3, [[3]])
    assert (errors, process.returncode) == (b"", 0)
    if door == "url":
        wait_until(lambda: outcomes(lake, endless) != [None])
        assert outcomes(lake, endless) == ["abandoned"]


def outcomes(lake: Lake, sql: str) -> list[str | None]:
    """How the server's queries with this text ended; None for one that has not."""
    log = lake.service.sql.queries.log()
    return [each["outcome"] for each in log if each["sql"] == sql]


def test_a_server_judges_the_token(lake: Lake, tmp_path: Path) -> None:
    url = f"http://{lake.host}"
    lake.ask("PUT", "/v1/access/principals/rita", {"kind": "user"})
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(token(lake, "rita") + "\n")
    (refused,) = run([call("list_datasets")], "--url", url)
    assert refused["result"]["isError"]
    assert refused["result"]["structuredContent"]["code"] == "unauthenticated"
    (found,) = run([call("list_datasets")], "--url", url, "--token-file", str(file))
    assert found["result"]["structuredContent"]["datasets"] == []
    file.write_text(lake.token or "")
    (found,) = run([call("list_datasets")], "--url", url, "--token-file", str(file))
    assert [each["name"] for each in found["result"]["structuredContent"]["datasets"]] == ["sales"]


@pytest.mark.parametrize("words", [("--token-file", "x"), ("--url", "ftp://x")])
def test_arguments_that_cannot_be_used_are_refused(words: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "lakehouse", "mcp", *words]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=END_S)
    assert (done.returncode, done.stdout) == (2, b"")
