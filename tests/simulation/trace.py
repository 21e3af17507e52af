"""The trace: every step as a line, its hash, and the last lines for a person to read."""

import hashlib
from collections import deque
from collections.abc import Callable

LAST = 60


class Trace:
    """Two runs of one seed have the same hash; where they differ, something read real time or chance."""

    def __init__(self, time: Callable[[], float], loud: bool = False) -> None:
        self._time = time
        self._hash = hashlib.sha256()
        self._loud = loud
        self.last: deque[str] = deque(maxlen=LAST)
        self.lines = 0

    def add(self, who: str, what: str) -> None:
        """One step of `who`, now."""
        line = f"{self._time():10.3f}  {who:<9} {what}"
        self._hash.update(line.encode() + b"\n")
        self.last.append(line)
        self.lines += 1
        if self._loud:
            print(line)

    def hexdigest(self) -> str:
        """The hash of all lines so far."""
        return self._hash.hexdigest()
