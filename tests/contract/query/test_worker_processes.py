"""What worker processes outlive, leave behind, and know."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from worker_processes import fork_server_pids, is_alive, ticks, worker_pids

from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.processes.worker_handle import PROGRAM

in_module_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def forks() -> AsyncIterator[ForkServer]:
    """A test's own: tests of processes count, kill and replace them."""
    started = ForkServer((PROGRAM,))
    yield started
    await started.close()


def test_a_worker_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    program = """
        import asyncio, sys
        from lakehouse.process.forking.fork_server import ForkServer
        from lakehouse.query.engine import EngineSettings, Query, QueryEngine

        async def main():
            settings = EngineSettings(("/nowhere/",), temp_directory=sys.argv[1])
            engine = QueryEngine(settings, ForkServer(()))
            await engine.start()
            print("started", flush=True)
            async def none(names): return {}
            endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b"
            async with engine.run(Query(endless), none):
                pass

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    with server:
        assert server.stdout and server.stdout.readline() == b"started\n"
        time.sleep(0.3)
        pids = worker_pids(server.pid)
        assert len(pids) >= 2
        pids += fork_server_pids(server.pid)
        # One computes; an idle one cannot even notice that its pipe closed: the kernel must see to it.
        os.kill(min(worker_pids(server.pid), key=ticks), signal.SIGSTOP)
        server.kill()
        server.wait()
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.02)


def test_a_worker_that_cannot_read_its_engine_ends() -> None:
    ours, theirs = socket.socketpair()
    command = [
        sys.executable,
        "-m",
        "lakehouse.query.worker.main",
        *[str(theirs.fileno())] * 3,
    ]
    with ours, theirs, subprocess.Popen(command, pass_fds=[theirs.fileno()]) as worker:
        ours.sendall(b"\0\0\0\1\xff")
        assert worker.wait(60) == 0


@in_module_loop
async def test_a_worker_knows_nothing_that_it_was_not_told(
    make_lake: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    await make_lake(workers=1)
    pid = worker_pids()[0]
    assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max core file size        0" in limits
    assert "Max address space         unlimited" not in limits


@in_module_loop
async def test_a_worker_loads_no_pandas(lake: Any) -> None:
    """pyarrow would, where it is installed: a second of CPU time before the first answer."""
    assert await lake.rows("SELECT 1") == [[1]]
    maps = [Path(f"/proc/{pid}/maps").read_text() for pid in worker_pids()]
    assert all("duckdb" in text for text in maps) and not any("pandas" in text for text in maps)


@in_module_loop
async def test_a_worker_has_no_descriptor_of_another(make_lake: Callable[..., Any]) -> None:
    """Beside standard streams: its two channels, the memory it shares with us, its own figures of memory."""
    await make_lake(workers=2)
    found = [_open_files(pid) for pid in worker_pids()]
    assert all(len(each) == 4 for each in found)
    sockets = {name for each in found for name in each if name.startswith("socket:")}
    assert len(sockets) == 2 * len(found)
    assert all(sum("memfd:" in name or "statm" in name for name in each) == 2 for each in found)


def _open_files(pid: int) -> list[str]:
    paths = Path(f"/proc/{pid}/fd").iterdir()
    return [str(path.readlink()) for path in paths if int(path.name) > 2]


@in_module_loop
async def test_workers_have_random_values_of_their_own(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)
    found = []
    for _ in range(3):
        found += await lake.rows("SELECT random(), uuid()::VARCHAR")
        before = worker_pids()
        lake.engine.renew()
        while set(before) & set(worker_pids()):
            await asyncio.sleep(0.02)
    assert len({value for row in found for value in row}) == 6


@in_module_loop
async def test_queries_go_on_after_the_fork_server_was_killed(
    make_lake: Callable[..., Any],
) -> None:
    lake = await make_lake(workers=2)
    before, [server] = worker_pids(), fork_server_pids()
    os.kill(server, signal.SIGKILL)
    while any(map(is_alive, (server, *before))):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.02)  # the loop sees the sockets that they closed
    answers = await asyncio.gather(*(lake.rows(f"SELECT {number}") for number in range(4)))
    assert answers == [[[number]] for number in range(4)]
    assert fork_server_pids() != [server] and not set(before) & set(worker_pids())
