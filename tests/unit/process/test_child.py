"""Child processes: their answer, their end, and what they inherit."""

import asyncio
import os

import pytest
from msgspec import json

from lakehouse.process.child import ChildSession, Program, run_child, run_child_blocking
from lakehouse.process.forking.environment import child_environment
from lakehouse.process.forking.fork_server import ForkServer

PROGRAM = "tests.unit.process.child_program"
FORKED = Program(PROGRAM, "child")
LINES = Program("tests.unit.process.line_program", "lines")
SHOW = b"import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


def test_a_blocking_child_gets_its_argument_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    answer = run_child_blocking(PROGRAM, "argument", SHOW, 60)
    arguments, environment = json.decode(answer or b"")
    assert arguments == [str(os.getpid()), "argument"]
    assert environment.items() >= child_environment().items()
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_a_blocking_child_that_crashes_has_no_answer() -> None:
    assert (
        run_child_blocking(PROGRAM, "", b"print(1, flush=True); import os; os.abort()", 60) is None
    )


def test_a_blocking_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match=PROGRAM):
        run_child_blocking(PROGRAM, "", b"import signal; signal.pause()", 0.5)


async def test_a_child_has_the_same_environment(forks: ForkServer) -> None:
    answer = await run_child(forks, FORKED, SHOW, 60)
    assert json.decode(answer or b"")[1].items() >= child_environment().items()


async def test_a_session_answers_each_request_by_the_same_process(forks: ForkServer) -> None:
    session = ChildSession(forks, LINES)
    answers = [await session.ask(b"import os; print(os.getpid())", 60) for _ in range(2)]
    await session.close()
    assert answers[0] is not None
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("request_", "timeout_s"),
    [
        (b"import os; os.abort()", 60.0),
        (b"print('half', end='', flush=True); import os; os.abort()", 60.0),
        (b"import signal; signal.pause()", 0.2),
    ],
)
async def test_a_session_goes_on_after_a_request_without_an_answer(
    forks: ForkServer, request_: bytes, timeout_s: float
) -> None:
    session = ChildSession(forks, LINES)
    assert await session.ask(request_, timeout_s) is None
    assert await session.ask(b"print('there')", 60) == b"there"
    await session.close()


async def test_a_session_that_is_cancelled_does_not_answer_the_next_request_with_the_last_answer(
    forks: ForkServer,
) -> None:
    session = ChildSession(forks, LINES)
    assert await session.ask(b"print('ready')", 60) == b"ready"
    asking = asyncio.create_task(session.ask(b"input(); print('late')", 60))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await session.ask(b"print('there')", 60) == b"there"
    await session.close()


async def test_a_session_answers_long_lines(forks: ForkServer) -> None:
    session = ChildSession(forks, LINES)
    answer = await session.ask(b"print('x' * 300_000)", 60)
    await session.close()
    assert answer == b"x" * 300_000


async def test_closing_a_session_ends_its_process(forks: ForkServer) -> None:
    session = ChildSession(forks, LINES)
    process = await session.start()
    await session.close()
    assert process.returncode is not None
    await session.close()
