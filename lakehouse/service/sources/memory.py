"""What one process remembers of a source between two looks: what waits, what is set aside. Pure.

Owns nothing that must outlast the process: what came in is in the events. After a restart a file is waited
for again, and one that was set aside is tried again.
"""

import msgspec

from lakehouse.service.sources.entries import Entry, Skipped

FIRST_S, LAST_S = 10.0, 3_600.0
"""The pauses after the first failure of a file and after many; each is twice the one before."""
MAX_DOUBLINGS = 10
MAX_SHOWN = 100


class SetAside(msgspec.Struct, frozen=True):
    """A file that was refused: which version, why, how often, and when it is tried again."""

    entry: Entry
    code: str
    detail: str
    tries: int
    next_try_s: float
    next_try_at: str


class Memory:
    """Of one source as it was put last."""

    def __init__(self, put_seq: int) -> None:
        self.put_seq = put_seq
        self.waiting: dict[str, str] = {}
        """The identity of each new file that was listed, until it comes in."""
        self.settled: dict[str, str] = {}
        """The identity of each file that brings nothing, and has no event that says so."""
        self.aside: dict[str, SetAside] = {}
        self.skipped: list[Skipped] = []
        self.skipped_count = 0
        self.listed = 0
        self.looked_at: str | None = None
        self.error: tuple[str, str] | None = None
        """Code and detail of the last look, if it could not list the source."""


class Listing:
    """What one look finds, until it is complete and takes the place of what was remembered."""

    def __init__(self, memory: Memory, now_s: float, *, is_whole: bool) -> None:
        self._was = memory
        self._now_s = now_s
        self._is_whole = is_whole
        self._now = Memory(memory.put_seq)
        self.due: list[Entry] = []
        """Files that come in now."""

    def add(self, entry: Entry, received_identity: str | None) -> None:
        """Sort one listed file; `received_identity` is that of its version that came in last."""
        was, now, key = self._was, self._now, entry.key
        now.listed += 1
        if entry.identity == received_identity:
            return
        if was.settled.get(key) == entry.identity:
            now.settled[key] = entry.identity
            return
        aside = was.aside.get(key)
        if aside is not None and aside.entry.identity == entry.identity:
            now.aside[key] = aside
            if aside.next_try_s <= self._now_s:
                self.due.append(entry)
        else:
            now.waiting[key] = entry.identity
            if self._is_whole or was.waiting.get(key) == entry.identity:
                self.due.append(entry)

    def skip(self, skipped: Skipped) -> None:
        """Note one that never comes in."""
        self._now.skipped_count += 1
        if len(self._now.skipped) < MAX_SHOWN:
            self._now.skipped.append(skipped)

    def finish(self) -> None:
        """Remember this look instead of the one before; the oldest files are due first."""
        for name in ("waiting", "settled", "aside", "skipped", "skipped_count", "listed"):
            setattr(self._was, name, getattr(self._now, name))
        self._was.error = None
        self.due.sort(key=lambda entry: (entry.modified_ns, entry.key))


def pause_s(tries: int) -> float:
    """How long a file is left after so many failures in a row."""
    return min(LAST_S, FIRST_S * float(1 << min(tries - 1, MAX_DOUBLINGS)))
