"""What one caller sees of the system views that do not follow from a state. Pure.

Owns no rule: `service/access` makes lenses. Must never show a row that the lens leaves out.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from journal.event_lines import Envelope


class Lens(msgspec.Struct, frozen=True):
    """`scope` distinguishes the files of one lens from those of others; empty: everything is
    visible. `principal`: whose log rows are visible. `event` returns an event as the caller may see
    it, or None.
    """

    scope: str = ""
    principal: str | None = None
    event: Callable[[Envelope], Envelope | None] | None = None

    def log_rows(self, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The rows of a log that are seen."""
        return [row for row in rows if not self.scope or row["principal"] == self.principal]

    def envelopes(self, found: list[Envelope]) -> list[Envelope]:
        """The events that are seen, as they are seen."""
        if self.event is None:
            return found
        return [shown for each in found if (shown := self.event(each)) is not None]

    def named(self, name: str) -> str:
        """The name of a file that holds what this lens shows."""
        return f"{self.scope}-{name}" if self.scope else name


CLEAR = Lens()
"""The lens of a caller who may read everything."""
