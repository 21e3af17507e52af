"""The process that checks a Parquet file, as the process that started it sees it."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from waiting import WITHIN_S, wait_until

from lakehouse.formats.parquet.check import MEMORY_BYTES

PROGRAM = """
import sys
from lakehouse.process.child import run_child_blocking
run_child_blocking("lakehouse.formats.parquet.check", sys.argv[1], b"{}", 600)
"""


def test_the_check_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    endless = tmp_path / "endless.parquet"
    os.mkfifo(endless)  # opening it for reading waits for a writer
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(endless)]) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        wait_until(lambda: children.read_text() != "", "the start of the check")
        child = int(children.read_text())
        handle = os.pidfd_open(child)
        try:
            limits = Path(f"/proc/{child}/limits")
            wait_until(lambda: str(MEMORY_BYTES) in limits.read_text(), "the limits of the check")
            parent.kill()
            ended, _, _ = select.select([handle], [], [], WITHIN_S)
            assert ended == [handle]
        finally:
            parent.kill()
            _end(handle)
            os.close(handle)


def _end(handle: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
