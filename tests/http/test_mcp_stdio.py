"""`lakehouse mcp`: the same tools over stdin and stdout, on a bucket and on a server with a token."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from mcp_client import message
from principals import closed, token

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}},
}


def run(lines: list[bytes], *words: str) -> list[dict[str, Any]]:
    """The answers to these lines, one a line; the process ends with its input."""
    command = [sys.executable, "-m", "lakehouse", "mcp", *words]
    done = subprocess.run(command, input=b"".join(lines), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def line(body: object) -> bytes:
    return json.dumps(body).encode() + b"\n"


def call(tool: str, **arguments: Any) -> bytes:
    return line(message("tools/call", name=tool, arguments=arguments))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("stdio") / "bucket") as lake:
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
        call("list_datasets"),
        call("preview_undo", seq=1),
        line({"jsonrpc": "2.0", "id": 1, "method": "no/such"}),
        b"x" * (1024 * 1024 + 10) + b"\n",
        b"{\n",
    ]
    found = run(lines, "--bucket", str(lake.bucket))
    assert [each["id"] for each in found] == [0, 9, 7, 7, 7, 1, None, None]
    assert found[0]["result"]["protocolVersion"] == "2025-11-25"
    assert found[1]["result"]["structuredContent"]["rows"] == [[2]]
    assert found[2]["result"]["supportedVersions"] == ["2026-07-28"]
    assert found[3]["result"]["structuredContent"]["datasets"][0]["name"] == "sales"
    assert found[4]["result"]["structuredContent"]["dry_run"] is True
    assert [each["error"]["code"] for each in found[5:]] == [-32601, -32600, -32700]


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
    done = subprocess.run(command, input=b"", capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, b"")
