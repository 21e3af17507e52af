"""Open files: the limit is raised, connections leave some of it, and a log line is not repeated."""

import asyncio
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from lakehouse.listening import ACCEPT_LOG_S, AcceptFaults, connections_within

FULL = {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many")}


def test_the_soft_limit_becomes_the_hard_one() -> None:
    script = (
        "import resource; from lakehouse.listening import raise_file_limit\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))\n"
        "print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    asked = [sys.executable, "-c", script]
    answer = subprocess.run(asked, capture_output=True, check=True, text=True)
    assert answer.stdout.split() == ["512", "512", "512"]


@pytest.mark.parametrize(("files", "connections"), [(64, 32), (512, 256), (1024, 768), (-1, 2**31)])
def test_connections_leave_files_to_others(files: int, connections: int) -> None:
    assert connections_within(files) == connections


async def test_a_full_table_of_files_is_logged_once_in_a_while() -> None:
    now_s, loop = 0.0, asyncio.get_running_loop()
    faults = AcceptFaults(lambda: now_s)
    with capture_logs() as entries:
        for _ in range(500):
            faults.handle(loop, FULL)
        now_s = ACCEPT_LOG_S
        faults.handle(loop, FULL)
    assert [each["times"] for each in entries] == [1, 500]


async def test_any_other_fault_is_reported_as_usual(caplog: pytest.LogCaptureFixture) -> None:
    AcceptFaults(lambda: 0.0).handle(asyncio.get_running_loop(), {"message": "something else"})
    assert "something else" in caplog.text
