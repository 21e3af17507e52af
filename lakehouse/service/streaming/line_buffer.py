"""The lines of a stream that are not committed yet, and when they are due. Pure.

Owns where one group ends and the next begins. Must never parse a line: only its end counts here.
"""

import msgspec

_SPACES = b" \t\r\n"


class Group(msgspec.Struct, frozen=True):
    """Consecutive whole lines of a stream, which are committed together: from `first` up to and without
    `stop`, counted from 1. It has at least one row."""

    body: bytes
    first: int
    stop: int


class LineBuffer:
    """Takes bytes as they come and gives groups. Empty lines count as lines, but make no group due."""

    def __init__(
        self, first_line: int, group_bytes: int, wait_s: float, next_line: int = 0
    ) -> None:
        """`first_line` is the first that comes; those before `next_line` are passed over."""
        self._skipping = max(0, next_line - first_line)
        """How many further lines are passed over."""
        self._is_inside = False
        """Whether the beginning of one of them has come."""
        self._group_bytes = group_bytes
        self._wait_s = wait_s
        self._bytes = bytearray()
        self._whole = 0
        """How many of these bytes are whole lines."""
        self._first = max(first_line, next_line)
        self._next = first_line
        """The first line of the next group, and the line that follows the whole ones."""
        self._oldest_s: float | None = None

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def next_line(self) -> int:
        """The line whose end has not come yet."""
        return self._next

    @property
    def open_bytes(self) -> int:
        """How much of that line has come."""
        return len(self._bytes) - self._whole

    @property
    def is_full(self) -> bool:
        """Whether the whole lines are as many bytes as a group has."""
        return self._whole >= self._group_bytes

    @property
    def due_s(self) -> float | None:
        """When the oldest row has waited long enough; None without a row."""
        return None if self._oldest_s is None else self._oldest_s + self._wait_s

    def add(self, data: bytes, now_s: float) -> None:
        """Take the next bytes, which came at `now_s`."""
        if self._skipping and not (data := self._unskipped(data)):
            return
        end = data.rfind(b"\n") + 1
        if end:
            self._whole = len(self._bytes) + end
            self._next += data.count(b"\n")
        self._bytes += data
        if end and self._oldest_s is None:
            self._begin(now_s)

    def end(self, now_s: float) -> None:
        """The stream is over: a last line may lack its end."""
        if self.open_bytes or self._is_inside:
            self.add(b"\n", now_s)

    def take(self) -> Group | None:
        """The whole lines as a group; None without a row."""
        if self._oldest_s is None:
            return None
        group = Group(bytes(memoryview(self._bytes)[: self._whole]), self._first, self._next)
        self._drop_whole()
        self._first, self._oldest_s = self._next, None
        return group

    def _unskipped(self, data: bytes) -> bytes:
        """What of the next bytes belongs to lines that are not passed over."""
        *ended, rest = data.split(b"\n", self._skipping)
        self._next += len(ended)
        self._skipping -= len(ended)
        self._is_inside = bool(self._skipping) and bool(rest or (self._is_inside and not ended))
        return b"" if self._skipping else rest

    def _begin(self, now_s: float) -> None:
        if self._bytes[: self._whole].strip(_SPACES):
            self._oldest_s = now_s
        else:
            self._drop_whole()

    def _drop_whole(self) -> None:
        del self._bytes[: self._whole]
        self._whole = 0
