"""Forked processes: what they share with each other, what they do not, and how they end."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from lakehouse.process.child import ChildSession, Program, run_child
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.process.forking.forked_process import ForkServerEnded
from lakehouse.process.forking.messages import ForkRequest

PROGRAM = Program("tests.unit.process.child_program", "child")
LINES = Program("tests.unit.process.line_program", "lines")
PARENT = "__import__('os').getppid()"
DESCRIPTORS = "sorted(__import__('os').listdir('/proc/self/fd'), key=int)[:-1]"
"""Without the one by which the directory is listed."""
CHANCE = """(
    __import__('random').random(), str(__import__('uuid').uuid4()),
    __import__('tempfile').mktemp(), __import__('os').urandom(8).hex(),
    *map(str, __import__('duckdb').connect().execute('SELECT random(), uuid()').fetchone()),
)"""


async def value(forks: ForkServer, expression: str) -> Any:
    """What a Python expression is in a new process."""
    said = await run_child(
        forks, PROGRAM, f"import json; print(json.dumps({expression}))".encode(), 600
    )
    assert said is not None
    return json.decode(said)


async def parent_of(session: ChildSession) -> int:
    return int(await session.ask(f"print({PARENT})".encode(), 600) or b"0")


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(600):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.02)


async def test_a_process_has_no_descriptor_but_its_own(forks: ForkServer) -> None:
    others = [ChildSession(forks, LINES) for _ in range(2)]
    for each in others:
        await each.start()
    assert await value(forks, DESCRIPTORS) == ["0", "1", "2"]
    for each in others:
        await each.close()


async def test_each_process_has_randomness_of_its_own() -> None:
    forks = ForkServer(("random", "uuid", "tempfile", "duckdb"))
    first, second = [await value(forks, CHANCE) for _ in range(2)]
    await forks.close()
    assert all(one != other for one, other in zip(first, second, strict=True))


async def test_processes_share_what_was_imported_before() -> None:
    forks = ForkServer(("wave",))
    found = [await value(forks, f"('wave' in __import__('sys').modules, {PARENT})") for _ in "ab"]
    await forks.close()
    assert found[0] == found[1] and found[0][0]


async def test_a_fork_server_with_a_second_thread_forks_nothing() -> None:
    forks = ForkServer(("tests.unit.process.threaded_program",))
    with pytest.raises(ForkServerEnded):
        await run_child(forks, PROGRAM, b"", 600)
    await forks.close()


async def test_the_exit_code_is_the_program_s(forks: ForkServer) -> None:
    for line, code in (
        (b"import sys; sys.exit(3)", 3),
        (b"1 / 0", 1),
        (b"import os; os.abort()", -6),
    ):
        session = ChildSession(forks, LINES)
        process = await session.start()
        assert await session.ask(line, 600) is None
        assert await process.wait() == code


async def test_processes_end_with_their_fork_server_and_the_next_gets_another(
    forks: ForkServer,
) -> None:
    session = ChildSession(forks, LINES)
    process, parent = await session.start(), await parent_of(session)
    os.kill(parent, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    await until_gone(process.pid)
    assert await value(forks, PARENT) != parent
    await session.close()


async def test_a_fork_server_that_died_unnoticed_loses_no_request(forks: ForkServer) -> None:
    parent = await value(forks, PARENT)
    os.kill(parent, signal.SIGKILL)
    assert await value(forks, PARENT) != parent


async def test_after_a_crash_addresses_are_others_and_other_processes_go_on(
    forks: ForkServer,
) -> None:
    session = ChildSession(forks, LINES)
    parent = await parent_of(session)
    assert await run_child(forks, PROGRAM, b"import os; os.abort()", 600) is None
    assert await value(forks, PARENT) != parent
    assert await parent_of(session) == parent
    await session.close()
    await until_gone(parent)


async def test_a_process_that_we_kill_has_not_crashed(forks: ForkServer) -> None:
    session = ChildSession(forks, LINES)
    parent = await parent_of(session)
    await session.close()
    assert await value(forks, PARENT) == parent


async def test_a_request_whose_caller_has_left_leaves_no_process(forks: ForkServer) -> None:
    parent = await value(forks, PARENT)
    asking = asyncio.create_task(forks.fork(ForkRequest("wave", "child", stdio=True), (0,)))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await value(forks, PARENT) == parent
    children = Path(f"/proc/{parent}/task/{parent}/children")
    async with asyncio.timeout(600):
        while children.read_text().split():
            await asyncio.sleep(0.02)


async def test_closing_ends_the_fork_server_and_its_processes(forks: ForkServer) -> None:
    session = ChildSession(forks, LINES)
    process, parent = await session.start(), await parent_of(session)
    await forks.close()
    assert await process.wait() == -signal.SIGKILL
    assert not Path(f"/proc/{parent}").exists()
    await session.close()
