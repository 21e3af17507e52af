"""The history of a name for people: its newest events first. Parameters and answers. Pure."""

import msgspec

from lakehouse.api.fields import Seq
from lakehouse.api.history.journal import JournalEvent


class LatestHistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the history: at most `limit` events before one."""

    before: Seq | None = None
    """Events with a lower number; None: from the last one on."""
    limit: int


class LatestHistory(msgspec.Struct, frozen=True):
    """Events about the name, newest first, and whether it has older ones."""

    events: list[JournalEvent]
    has_older: bool
