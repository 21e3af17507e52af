"""`lakehouse serve` as a process: binding, draining, ending, and what it writes to its log."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_http import Client, read_answer
from server_environment import without_settings

SECRET = "s3cr3t-v4lue"
ENDS_WITHIN_S = 60.0


class Served:
    """A running server process and what it has logged so far."""

    def __init__(self, bucket: Path, environ: dict[str, str]) -> None:
        command = [sys.executable, "-m", "lakehouse", "serve"]
        self.process = subprocess.Popen(
            [*command, "--bucket", str(bucket), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=without_settings() | environ,
        )
        self.lines: list[str] = []
        self._up = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._up.wait(90), self.lines
        self.client = Client(self._port)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def ended(self) -> int:
        code = self.process.wait(ENDS_WITHIN_S)
        self._reader.join(ENDS_WITHIN_S)
        assert self.process.stdout is not None
        assert self.process.stdout.read() == b"", "a server says nothing on stdout"
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.decode())
            if '"listening"' in self.lines[-1]:
                self._port = json.loads(line)["port"]
                self._up.set()


@contextmanager
def serving(bucket: Path, **environ: str) -> Iterator[Served]:
    served = Served(bucket, {"LAKEHOUSE_QUERY_WORKERS": "1"} | environ)
    try:
        yield served
    finally:
        served.close()


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lakehouse", "serve", *words],
        capture_output=True,
        text=True,
        env=without_settings() | environ,
        check=False,
        timeout=120,
    )


def test_a_taken_port_is_the_first_and_only_thing_said(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        ended = run("--bucket", str(tmp_path / "bucket"), "--port", str(port))
    assert ended.returncode == 3
    assert ended.stdout == ""
    first, hint = ended.stderr.splitlines()
    assert first == f"lakehouse: cannot_listen: 127.0.0.1:{port}: Address already in use"
    assert "--port" in hint
    assert list(tmp_path.iterdir()) == [], "nothing else has begun"


def test_a_bucket_that_is_off_is_told_by_its_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    ended = run("--bucket", str(file), "--port", "0")
    assert ended.returncode in (2, 3)
    assert "Traceback" not in ended.stderr

    bucket = tmp_path / "bucket"
    with serving(bucket) as served:
        served.client.ask("PUT", "/v1/storage/put/a", b"x")
        served.process.terminate()
        served.ended()
    (bucket / f"_journal/slots/{1:020d}.ndjson").write_bytes(b"damaged\n")
    ended = run("--bucket", str(bucket), "--port", "0")
    assert ended.returncode == 4
    assert "journal_corrupt" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_sigterm_lets_a_slow_put_finish_and_takes_nothing_new(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with serving(bucket) as served, closing(served.client.connect()) as sock:
        length = [("Content-Length", "10"), ("Expect", "100-continue")]
        sock.sendall(served.client.request("PUT", "/v1/storage/put/slow", headers=length))
        assert b"100 Continue" in sock.recv(1024)
        sock.sendall(b"01234")
        with closing(served.client.connect()) as idle:
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in idle.recv(1024)
            served.process.send_signal(signal.SIGTERM)
            _wait_until_refused(served.client)
            assert idle.recv(1024) == b"", "idle connections are closed"
        sock.sendall(b"56789")
        answer = read_answer(sock)
        assert (answer.status, answer.json["size_bytes"]) == (200, 10)
        assert served.ended() == 0
        assert [line["event"] for line in served.log()][-1] == "stopped"
    with serving(bucket) as again:
        assert again.client.ask("GET", "/v1/storage/get/slow").body == b"0123456789"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_no_longer_than_it_was_told(tmp_path: Path, number: int) -> None:
    text = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range"
    with (
        serving(tmp_path / "bucket", LAKEHOUSE_DRAIN_S="0.5") as served,
        closing(served.client.connect()) as upload,
        closing(served.client.connect()) as query,
    ):
        head = [("Content-Length", "10")]
        upload.sendall(served.client.request("PUT", "/v1/storage/put/a", headers=head) + b"01")
        query.sendall(served.client.request("POST", "/v1/sql", {"sql": text}))
        time.sleep(0.2)
        served.process.send_signal(number)
        assert served.ended() == 0
    assert not list((tmp_path / "bucket").rglob("spool-*"))


def test_the_log_is_json_lines_with_request_ids_and_without_secrets(tmp_path: Path) -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ACCESS_KEY_ID": SECRET}
    with serving(tmp_path / "bucket", **secrets) as served:
        said = {"X-Request-Id": "req-7", "Authorization": SECRET, "Idempotency-Key": SECRET}
        served.client.ask("PUT", f"/v1/storage/put/a?token={SECRET}", SECRET.encode(), said)
        served.client.ask("POST", "/v1/sql", {"sql": f"SELECT '{SECRET}'"})
        served.client.ask("POST", "/v1/sql", {"sql": f"SELEC '{SECRET}'"})
        served.client.ask("POST", "/v1/ingest?name=t", f"a\n{SECRET}\n".encode())
        served.client.raw(f"{SECRET} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        served.process.terminate()
        assert served.ended() == 0
    log = served.log()
    assert all({"event", "level", "timestamp"} <= line.keys() for line in log)
    requests = [line for line in log if line["event"] == "request"]
    assert len(requests) == 4
    assert requests[0] | {"ms": 0, "timestamp": ""} == {
        "event": "request", "level": "info", "timestamp": "", "request_id": "req-7",
        "method": "PUT", "path": "/v1/storage/put/a", "status": 400, "ms": 0, "client": "127.0.0.1",
    }  # fmt: skip
    assert SECRET not in "".join(served.lines)


def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    logs = f"{sys.executable} -m lakehouse serve --bucket {tmp_path / 'bucket'} --port 0 2>&1"
    with subprocess.Popen(
        ["bash", "-c", f"exec {logs}"], stdout=subprocess.PIPE, env=without_settings()
    ) as process:
        assert process.stdout is not None
        client = Client(json.loads(process.stdout.readline())["port"])
        process.stdout.close()
        try:
            for number in range(3):
                answer = client.ask("PUT", "/v1/storage/put/a", str(number))
                assert (answer.status, answer.seq) == (200, number + 1)
        finally:
            process.terminate()
        assert process.wait(ENDS_WITHIN_S) == 0


def test_killed_it_is_there_again_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with serving(bucket) as served:
        served.client.ask("PUT", "/v1/storage/put/a", b"kept")
        served.process.kill()
        served.process.wait()
    with serving(bucket) as again:
        assert again.client.head() == 1
        assert again.client.ask("GET", "/v1/storage/get/a").body == b"kept"


def _wait_until_refused(client: Client) -> None:
    until_s = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < until_s:
        try:
            client.connect().close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("it still listens")
