"""Roles as real processes: the smoke test, and 300 MB through the gateway in bounded memory."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from process import CHECKOUT, Client, clean_environment, wait_until
from s3_server import free_ports

PIECE = bytes(range(250)) * 4_000
PIECES = 300
SIZE_BYTES = PIECES * len(PIECE)
LIMIT_KB = 100_000
START_S = 60.0


class Role:
    """`lakehouse serve --role …` on a free port."""

    def __init__(self, role: str, directory: Path, **environ: str) -> None:
        self.client = Client(free_ports(1))
        self._log = directory / f"{role}.log"
        command = [sys.executable, "-m", "lakehouse", "serve", "--role", role]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--bucket", str(directory / "bucket"), "--port", str(self.client.port)],
                env=clean_environment() | environ,
                stderr=log,
            )
        wait_until(self._listens, START_S, "the role to listen", self._log.read_text)

    def peak_kb(self) -> int:
        """The most resident memory so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(START_S) == 0

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        return '"listening"' in self._log.read_text()


class Storage(BaseHTTPRequestHandler):
    """An upstream that hashes what it is sent, and sends as much: an object may be smaller than that."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        hashed, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while piece := self.rfile.read(min(left, len(PIECE))):
            hashed.update(piece)
            left -= len(piece)
        self._head(len(hashed.hexdigest()))
        self.wfile.write(hashed.hexdigest().encode())

    def do_GET(self) -> None:
        self._head(SIZE_BYTES)
        for _ in range(PIECES):
            self.wfile.write(PIECE)

    def log_message(self, *_words: object) -> None:
        """Nothing: the test's output stays readable."""

    def _head(self, size_bytes: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size_bytes))
        self.end_headers()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Role]:
    """A gateway in front of that storage alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Storage) as storage:
        thread = threading.Thread(target=storage.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{storage.server_port}"
        found = Role("gateway", tmp_path, LAKEHOUSE_UPSTREAMS_STORAGE=url)
        try:
            yield found
        finally:
            found.stop()
            storage.shutdown()
            thread.join(START_S)


def test_300_mb_pass_in_both_directions_in_bounded_memory(gateway: Role, tmp_path: Path) -> None:
    sent, hashed = tmp_path / "large.bin", hashlib.sha256()
    with sent.open("wb") as file:
        for _ in range(PIECES):
            file.write(PIECE)
            hashed.update(PIECE)
    with sent.open("rb") as file:
        put = gateway.client.put("large", file, Content_Length=str(SIZE_BYTES))
    assert put.body.decode() == hashed.hexdigest()
    assert gateway.client.request("GET", "/v1/storage/get/large").body == sent.read_bytes()
    assert gateway.peak_kb() < LIMIT_KB


def test_the_gateway_refuses_an_upstream_without_a_scheme_at_start(tmp_path: Path) -> None:
    environ = clean_environment() | {"LAKEHOUSE_UPSTREAMS_STORAGE": "127.0.0.1:3211"}
    command = [sys.executable, "-m", "lakehouse", "serve", "--role", "gateway", "--port", "0"]
    done = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "upstreams.storage" in done.stderr


def test_the_smoke_test_passes_and_records_what_it_measured(tmp_path: Path) -> None:
    program = tmp_path / "lakehouse"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakehouse "$@"\n')
    program.chmod(0o755)
    environ = clean_environment() | {"LAKEHOUSE": str(program), "PATH": os.environ["PATH"]}
    record = tmp_path / "smoke.jsonl"
    python = shutil.which("python3") or sys.executable
    done = subprocess.run(
        [python, CHECKOUT / "ops" / "smoke", record],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    recorded = json.loads(record.read_text())
    assert [*recorded["probes"].values()] == [True] * 6
    assert recorded["baseline"]["rows"] == 500_000
    assert recorded["baseline"]["peak_mb"]["gateway"] < LIMIT_KB / 1_000
