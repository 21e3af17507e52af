"""Turns: how long a writer waits for the next slot while other writers commit too. Pure.

Owns the order among writers, which do not communicate: each derives it from the slots that all of them
read. The writer that committed last waits longest, so none starves. Must never decide whether a slot
is free: only the store does. A wrong guess here costs a lost race or a pause, never an event.
"""

from collections import Counter, deque
from collections.abc import Callable, Container

REMEMBERED_SLOTS = 64
"""How many recent slots count as activity: enough for 16 writers that take turns."""
SLOTS_A_WRITER = 3
"""A writer that had none of the last 3 slots for each writer seen in them does not take turns."""
FORGOTTEN_S = 2.0
"""Nor does one whose last slot is as old as this, or 40 commits."""
FORGOTTEN_COMMITS = 40
GAP_COMMITS = 3
"""How long to wait for the slot of a writer in front, in commits of our own.

In the simulation, 1 starves writers that are 5 times slower and loses every second race on S3; with 3
none starves, at no loss of throughput on a local bucket; more only adds latency.
"""

LONGEST_COMMIT_S = 2.0
"""A commit counts as no longer than this: one that met an outage says nothing about the next, and a
writer that waited several times as long would refuse its changes at their deadline."""


class Turns:
    """The recent slots, as one writer has seen them. Times are seconds of a monotonic clock."""

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._slots: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_SLOTS)
        self._writers: frozenset[str] = frozenset()
        """Of these slots: every change asks for the leader, and mostly there is one writer."""
        self._passed = 0
        """Slots of others since our own last one."""
        self.commit_s = 0.0
        self.members: Callable[[], frozenset[str]] = frozenset
        """The writers whose changes this one commits: it does not wait for slots of theirs."""
        self.waiting: Callable[[], frozenset[str]] = frozenset
        """Those of them that need a slot of their own now."""

    def record_slot(self, writer: str, at_s: float) -> None:
        """Record who committed the next slot, and when this process read it."""
        self._slots.append((at_s, writer))
        self._writers = frozenset(name for _, name in self._slots)
        self._passed = 0 if writer == self._writer else self._passed + 1

    def record_commit(self, took_s: float) -> None:
        """Record how long a commit of our own took."""
        took_s = min(took_s, LONGEST_COMMIT_S)
        self.commit_s = 0.8 * self.commit_s + 0.2 * took_s if self.commit_s else took_s

    def is_shared(self, now_s: float) -> bool:
        """Whether other writers commit here at present."""
        return bool(self._others(now_s))

    def wait_s(self, now_s: float) -> float:
        """How long to wait for slots of writers in front; 0 or less when it is our turn."""
        return self._slots[-1][0] - now_s + self._in_front(now_s) * GAP_COMMITS * self.commit_s

    def poll_s(self, now_s: float) -> float:
        """How long to sleep before reading the journal again: briefly when it is nearly our turn."""
        return self.commit_s * (0.1 if self._in_front(now_s) <= 1 else 0.6)

    def leader(self, now_s: float, unreachable: Container[str]) -> str | None:
        """The writer that had most of the recent slots, of those that can be reached; None without any.

        Of several with as many, the first by name: all who read the same slots find the same one.
        """
        oldest_s = self._oldest_s(now_s)
        if len(self._writers) == 1:
            at_s, name = self._slots[-1]
            return name if at_s >= oldest_s and name not in unreachable else None
        recent = Counter(writer for at_s, writer in self._slots if at_s >= oldest_s)
        found = [name for name in recent if name not in unreachable]
        return min(found, key=lambda name: (-recent[name], name), default=None)

    def _oldest_s(self, now_s: float) -> float:
        return now_s - max(FORGOTTEN_S, FORGOTTEN_COMMITS * self.commit_s)

    def _in_front(self, now_s: float) -> int:
        return max(0, len(self._others(now_s)) - self._passed)

    def _others(self, now_s: float) -> set[str]:
        oldest_s = self._oldest_s(now_s)
        found: set[str] = set()
        for number, (at_s, writer) in enumerate(reversed(self._slots)):
            if at_s < oldest_s or number > SLOTS_A_WRITER * max(1, len(found)):
                break
            found.add(writer)
        return found - {self._writer} - self.members() | self.waiting()
