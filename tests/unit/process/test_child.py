"""Child processes: their answer, their end, and what they inherit."""

import os

import pytest
from msgspec import json

from lakehouse.process.child import child_environment, run_child, run_child_blocking

PROGRAM = "tests.unit.process.child_program"
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


async def test_a_child_has_the_same_environment() -> None:
    answer = await run_child(PROGRAM, SHOW, 60)
    assert json.decode(answer or b"")[1].items() >= child_environment().items()
