"""The memory that the open streams of one process share.

Owns how many bytes have come and are not committed. Whole lines are on their way to a commit, so that
waiting for them ends; beginnings of lines are not, so that they get half of the room at most.
"""

import asyncio
from typing import Protocol

from lakehouse.domain.errors import Refused

RETRY_AFTER_S = 5
_NO_ROOM = Refused(
    "busy",
    "all open streams together hold as much of unfinished lines as they may",
    retry_after_s=RETRY_AFTER_S,
)


class Holder(Protocol):
    """A stream."""

    def stop(self, why: Refused) -> None:
        """End it by this refusal."""
        ...


class StreamMemory:
    """Room for `limit` bytes, and what one piece adds. For one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._whole: dict[Holder, int] = {}
        self._open: dict[Holder, int] = {}
        self.held_bytes = 0
        self._freed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether streams should commit what they have."""
        return self.held_bytes >= self._limit

    def count(self, holder: Holder, whole_bytes: int, open_bytes: int) -> None:
        """The stream holds so much now: of whole lines, and of one that has begun.

        Where the latter have no room, the stream with the longest ends with `busy`.
        """
        was_full = self.is_full
        before = self._whole.get(holder, 0) + self._open.get(holder, 0)
        self._whole[holder], self._open[holder] = whole_bytes, open_bytes
        self.held_bytes += whole_bytes + open_bytes - before
        if self.is_full and sum(self._open.values()) > self._limit // 2:
            max(self._open, key=self._open.__getitem__).stop(_NO_ROOM)
        if was_full and not self.is_full:
            self._freed.set()
            self._freed = asyncio.Event()

    def forget(self, holder: Holder) -> None:
        """The stream is over."""
        self.count(holder, 0, 0)
        del self._whole[holder], self._open[holder]

    async def room(self) -> None:
        """Wait for room."""
        while self.is_full:
            await self._freed.wait()
