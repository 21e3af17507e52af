"""Ctrl-C at many moments: the process ends by the signal and prints no traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("emptied")
TIMEOUT_S = 120
MOMENTS = (
    "lakehouse.cli", "argparse", "msgspec", "lakehouse.cli.parsing.parser", "lakehouse.config",
    "lakehouse.cli.main", "asyncio", "pyarrow", "lakehouse.wiring",
    "lakehouse.cli.interrupt",
)  # fmt: skip
"""Modules after whose import the signal comes: the imports take most of a short command's time."""


@pytest.fixture(autouse=True)
def sigint_is_not_ignored() -> Iterator[None]:
    """Children inherit an ignored SIGINT: a shell starts what it runs in the background so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("module", MOMENTS)
def test_an_interrupted_start_ends_silently(module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "lakehouse", "datasets"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rsplit("|")[-1].strip() == module:
                process.send_signal(signal.SIGINT)
                break
        else:
            pytest.fail(f"{module} was not imported")
        rest = process.stderr.read()
    assert process.returncode in (-signal.SIGINT, 0)  # 0: it had ended before the signal came
    assert [line for line in rest.splitlines() if not line.startswith("import time:")] == []


def started(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "lakehouse", *words]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def interrupted(process: subprocess.Popen[bytes]) -> None:
    """Send SIGINT; assert that it ends the process without a word."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, errors) == (-signal.SIGINT, b"")


def test_following_the_journal_ends_silently() -> None:
    with started("journal", "events", "--follow") as process:
        assert process.stdout is not None
        assert b"dataset_registered" in process.stdout.readline()
        interrupted(process)


def test_waiting_for_stdin_ends_silently_and_leaves_no_file() -> None:
    with started("ingest", "-", "--name", "t") as process:
        assert process.stdin is not None
        # A pipe holds 64 KiB: when all of it is written, the process has read the rest.
        process.stdin.write(b"a\n" + b"1234567\n" * 300_000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == -signal.SIGINT
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert list(Path("bucket/.tmp").glob("spool-*")) == []


def test_a_statement_that_is_still_typed_ends_silently() -> None:
    with started("sql", "-f", "-") as process:
        assert process.stdin is not None
        # As above: more than a pipe holds has been written only when the process reads.
        process.stdin.write(b"-- " + b"x" * 300_000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == -signal.SIGINT
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_result_on_its_way_ends_silently() -> None:
    with started("sql", "FROM range(10000000)", "--format", "csv") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"range\n"
        interrupted(process)


def test_a_query_that_computes_ends_silently() -> None:
    Path("query.sql").write_text("SELECT count(*) FROM range(1000000000000)")
    with started("sql", "-f", "query.sql") as process:
        _await_child(process.pid)
        interrupted(process)


def test_a_shell_loop_stops_with_the_command() -> None:
    loop = (
        f"for n in 1 2; do {sys.executable} -m lakehouse journal events --follow; done; echo after"
    )
    with subprocess.Popen(
        ["bash", "-c", loop], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        os.killpg(shell.pid, signal.SIGINT)
        out, errors = shell.communicate(timeout=TIMEOUT_S)
    assert (b"after" in out, errors) == (False, b"")


def _await_child(pid: int) -> None:
    """Wait until a process has started another: `/proc` has no event for it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while not children.read_text().strip():
        assert Path(f"/proc/{pid}").exists()
