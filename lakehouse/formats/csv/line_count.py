"""Lines of a text, counted on demand: only refusals and quarantined rows have line numbers."""

import threading
from collections.abc import Callable, Iterable, Iterator

from lakehouse.formats.csv.record_scanner import line_ends


class LineCount:
    """Which line an offset of a text is on. For several threads; cheapest for ascending offsets."""

    def __init__(self, text: Callable[[], Iterable[bytes]]) -> None:
        self._text = text
        self._lock = threading.Lock()
        self._restart()

    def at(self, start: int) -> int:
        """The physical line, from 1, of the offset `start`, at which a line or a text begins."""
        with self._lock:
            if start < self._passed_bytes:
                self._restart()
            while self._passed_bytes < start:
                self._pass_to(start)
            return self._line

    def _restart(self) -> None:
        self._chunks: Iterator[bytes] | None = None
        self._chunk = b""
        self._passed_bytes, self._line, self._ended_in_return = 0, 1, False

    def _pass_to(self, start: int) -> None:
        """Count the lines that end in the rest of this chunk, or in the next, before `start`."""
        if not self._chunk:
            self._chunks = self._chunks or iter(self._text())
            self._chunk = next(self._chunks)
        passed = self._chunk[: start - self._passed_bytes]
        self._chunk = self._chunk[len(passed) :]
        self._passed_bytes += len(passed)
        if passed:
            # A CRLF that two chunks share was counted with its CR.
            shared = self._ended_in_return and passed.startswith(b"\n")
            self._line += line_ends(passed) - shared
            self._ended_in_return = passed.endswith(b"\r")
