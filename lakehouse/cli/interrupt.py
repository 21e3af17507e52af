"""Ctrl-C while a command runs cancels it, and it cleans up; a second Ctrl-C ends the process at once.

Prints nothing. Never waits for a thread of an interrupted command: one may be reading a terminal.
"""

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any

CLEANUP_S = 10.0
"""How long an interrupted command may clean up: blocked, for example on a pipe without a reader,
it would never end.
"""


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command in a new event loop; its exit code. Raises KeyboardInterrupt after Ctrl-C."""
    runner = asyncio.Runner()
    loop = runner.get_loop()
    task = loop.create_task(command)
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, CLEANUP_S)
        loop.call_soon_threadsafe(task.cancel)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        code = loop.run_until_complete(task)
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not interrupted:
            runner.close()
    return code
