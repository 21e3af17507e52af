"""Calls of tools that are being answered, each in a thread, and how they are cancelled.

Owns that one answer is written at a time, and none to a call that was cancelled.
"""

import threading
from collections.abc import Callable

from lakehouse.mcp.messages import Id

MAX_CALLS = 16
"""How many calls are answered at a time; the next message is read when one has ended."""
Write = Callable[[bytes], object]


class Cancellation:
    """Whether a call was cancelled, and what ends its work then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._end: Callable[[], object] | None = None
        self.is_set = False

    def ends_by(self, end: Callable[[], object]) -> None:
        """Call `end` when the call is cancelled; now, if it was already."""
        with self._lock:
            self._end = end
            already = self.is_set
        if already:
            end()

    def cancel(self) -> None:
        """The client wants no answer any more."""
        with self._lock:
            self.is_set = True
            end = self._end
        if end is not None:
            end()


class CallsUnderWay:
    """The calls of one client. `begin`, `cancel` and `wait` are called in one thread."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._writing = threading.Lock()
        self._places = threading.Semaphore(MAX_CALLS)
        self._calls: list[tuple[Id, threading.Thread, Cancellation]] = []

    def write(self, answer: bytes) -> None:
        """Write a whole answer."""
        with self._writing:
            self._write(answer)

    def begin(self, id_: Id, call: Callable[[Cancellation], bytes], fault: bytes) -> None:
        """Answer a call in a thread of its own. `fault`: the answer where `call` raises."""
        self._places.acquire()
        self._calls = [each for each in self._calls if each[1].is_alive()]
        cancellation = Cancellation()
        arguments = (call, cancellation, fault)
        # A daemon: after Ctrl-C the process must not wait for it.
        thread = threading.Thread(target=self._run, args=arguments, name="mcp call", daemon=True)
        self._calls.append((id_, thread, cancellation))
        thread.start()

    def cancel(self, id_: Id) -> None:
        """Give up a call; nothing happens if it has ended."""
        for each, _, cancellation in self._calls:
            if each == id_:
                cancellation.cancel()

    def wait(self) -> None:
        """Return when all calls have ended."""
        for _, thread, _ in self._calls:
            thread.join()

    def _run(
        self, call: Callable[[Cancellation], bytes], cancellation: Cancellation, fault: bytes
    ) -> None:
        try:
            answer = call(cancellation)
            if not cancellation.is_set:
                self.write(answer)
        except Exception:
            if not cancellation.is_set:
                self.write(fault)
                raise
        finally:
            self._places.release()
