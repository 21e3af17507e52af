"""`lakehouse stream` on a bucket and on a server: stdin in, acknowledgements out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from row_stream import rows


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("server") / "bucket", queries=False) as running:
        yield running


@contextmanager
def streaming(*words: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    asked = [sys.executable, "-m", "lakehouse", "stream", *words]
    pipe = subprocess.PIPE
    found = {k: v for k, v in os.environ.items() if not k.startswith("LAKEHOUSE_")} | environ
    with subprocess.Popen(asked, stdin=pipe, stdout=pipe, stderr=pipe, env=found) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def say(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


@pytest.mark.parametrize("remote", [False, True])
def test_lines_are_acknowledged_while_stdin_is_open(
    server: Lake, tmp_path: Path, remote: bool
) -> None:
    url = f"http://127.0.0.1:{server.port}"
    where = ("--url", url) if remote else ("--bucket", str(tmp_path / "bucket"))
    with streaming("clicks", "--json", *where) as process:
        say(process, rows(1, 2))
        assert told(process)["lines"] == [1, 3]
        say(process, rows(3))
        assert told(process)["lines"] == [3, 4]
        assert process.stdin is not None
        process.stdin.close()
        assert told(process)["done"]
        assert process.wait() == 0


def test_ctrl_c_ends_it_and_what_was_printed_is_committed(server: Lake) -> None:
    url = f"http://127.0.0.1:{server.port}"
    with streaming("stopped", "--url", url) as process:
        say(process, rows(1))
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"lines 1 to 1: 1 row, event ")
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
    assert server.manifest("stopped").json["row_count"] == 1


def test_a_bad_line_is_refused_by_its_number(server: Lake) -> None:
    url = f"http://127.0.0.1:{server.port}"
    with streaming("bad", "--url", url) as process:
        out, error = process.communicate(rows(1) + b"nonsense\n")
        assert (process.returncode, out) == (1, b"")
        assert b"malformed_ndjson: line 2" in error
