"""The commands of the newest slots, to find whether a proposed change is in one already. Pure.

Owns at most COMMANDS ids. Must never answer "in none" for slots that it has not seen.
"""

from collections import deque
from collections.abc import Collection

from journal.slot import Slot

COMMANDS = 20_000
LISTED = 64
"""So many ids are searched one by one: a set takes four times the memory of a tuple of one id."""


class CommandLog:
    """The command ids of all slots after position `since`."""

    def __init__(self, since: int) -> None:
        self.since = since
        self._slots: deque[Collection[str]] = deque()
        self._commands = 0

    def add(self, slot: Slot) -> None:
        """Record the next slot."""
        commands = tuple(event.command for event in slot.events)
        self._slots.append(commands if len(commands) <= LISTED else frozenset(commands))
        self._commands += len(commands)
        while self._commands > COMMANDS:
            self._commands -= len(self._slots.popleft())
            self.since += 1

    def excludes(self, command: str, head: int) -> bool:
        """Whether no slot after `head` that was recorded holds `command`; False where that is unknown."""
        if head < self.since:
            return False
        newer = max(0, self.since + len(self._slots) - head)
        return not any(command in self._slots[-number] for number in range(1, newer + 1))
