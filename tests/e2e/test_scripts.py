"""The README's commands, run as a stranger runs them: from another directory, twice, and wrongly."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import free_ports

CHECKOUT = Path(__file__).parents[2]
RUN = CHECKOUT / "ops" / "run"
START_S = 240
"""With an installation before it, where the environment is not made yet."""


class Run:
    """One `ops/run` in a process group of its own, its output in files."""

    def __init__(self, bucket: Path, port: int, elsewhere: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.out, self.err = elsewhere / "out", elsewhere / "err"
        environ = os.environ | {"LAKEHOUSE_BUCKET": str(bucket), "LAKEHOUSE_PORT": str(port)}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [RUN], cwd=elsewhere, env=environ, stdout=out, stderr=err, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self.process.poll() is None, self.err.read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"not ready in {START_S} s: {self.err.read_text()}")

    def end(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        self.process.wait(60)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    directory = tmp_path / "another directory"
    directory.mkdir()
    return directory


@pytest.fixture
def running(tmp_path: Path, elsewhere: Path) -> Iterator[Run]:
    run = Run(tmp_path / "bucket", free_ports(1), elsewhere)
    try:
        run.wait_until_ready()
        yield run
    finally:
        run.end(signal.SIGKILL)


def curl_lines() -> list[str]:
    """The curl lines of the README's first session, as printed."""
    return re.findall(r"^curl .*$", (CHECKOUT / "README.md").read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's lines are for curl")
def test_the_first_session_works_as_printed(running: Run) -> None:
    assert "America/New_York" in running.out.read_text()
    lines = curl_lines()
    assert len(lines) > 5
    for line in lines:
        assert "http://127.0.0.1:3110" in line
        words = shlex.split(line.replace("http://127.0.0.1:3110", running.url))
        done = subprocess.run(
            [*words, "-sS", "--fail-with-body"], cwd=CHECKOUT, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_a_second_start_after_a_kill_finds_everything(running: Run, tmp_path: Path) -> None:
    with urllib.request.urlopen(f"{running.url}/v1/journal/head") as answer:
        before = answer.read()
    running.end(signal.SIGKILL)
    again = Run(tmp_path / "bucket", free_ports(1), running.out.parent)
    try:
        again.wait_until_ready()
        assert again.out.read_text() == ""
        with urllib.request.urlopen(f"{again.url}/v1/journal/head") as answer:
            assert answer.read() == before
        again.end(signal.SIGTERM)
        assert again.process.returncode == 0
    finally:
        again.end(signal.SIGKILL)


def test_a_port_that_is_taken_is_the_first_and_only_thing_said(
    tmp_path: Path, elsewhere: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(tmp_path / "bucket", port, elsewhere)
        assert run.process.wait(60) != 0
    said = run.err.read_text().splitlines()
    assert len(said) == 1
    assert str(port) in said[0]
    assert not (tmp_path / "bucket").exists()


def test_without_python_it_says_what_to_install(tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("bash", "dirname", "readlink", "env"):
        (bare / name).symlink_to(shutil.which(name) or "")
    for script in ("run", "test"):
        done = subprocess.run(
            [CHECKOUT / "ops" / script], env={"PATH": str(bare)}, capture_output=True, text=True
        )
        assert done.returncode != 0
        assert "Python 3.11" in done.stderr
