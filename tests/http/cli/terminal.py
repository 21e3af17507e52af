"""A command at a pseudo-terminal, as a person uses it."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

WAIT_S = 60
AGAIN_S = 5.0
"""After how long without an effect Ctrl-C is pressed again."""


class Terminal:
    """`lakehouse words…` at a terminal of 200 columns."""

    def __init__(self, *words: str, home: Path) -> None:
        self._screen, inside = pty.openpty()
        environ = {**os.environ, "XDG_STATE_HOME": str(home), "TERM": "dumb", "COLUMNS": "200"}
        command = [sys.executable, "-m", "lakehouse", *words]
        # A session of its own, whose terminal this is: Ctrl-C is a signal there.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=environ,
        )
        os.close(inside)
        self._seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def until(self, text: str) -> str:
        """What appears up to and with `text`."""
        until_s = time.monotonic() + WAIT_S
        while text.encode() not in self._seen:
            ready, _, _ = select.select([self._screen], [], [], 0.5)
            if ready:
                self._seen += os.read(self._screen, 65536)
            assert time.monotonic() < until_s, self._seen
        before, _, self._seen = self._seen.partition(text.encode())
        return before.decode() + text

    def interrupt_until(self, text: str) -> None:
        """Press Ctrl-C until `text` appears. Python's readline can miss a signal just before it waits."""
        until_s = time.monotonic() + WAIT_S
        pressed_s = -AGAIN_S
        while text.encode() not in self._seen:
            # What appears first is the echo: a second one at once would interrupt what is typed next.
            if time.monotonic() - pressed_s > AGAIN_S:
                self.type("\x03")
                pressed_s = time.monotonic()
            ready, _, _ = select.select([self._screen], [], [], 0.5)
            if ready:
                self._seen += os.read(self._screen, 65536)
            assert time.monotonic() < until_s, self._seen
        self.until(text)

    def ended(self) -> int:
        """The exit code. What is still printed is dropped."""
        return self.process.wait(WAIT_S)
