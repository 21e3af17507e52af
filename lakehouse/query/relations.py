"""How relations that are no plain dataset are named, between the guard and whoever resolves them.

Pure. A dataset's name has neither `.` nor `@`, so none can be mistaken for another.
"""

import msgspec

SCHEMA = "lake"
SYSTEM = frozenset(
    {"datasets", "columns", "objects", "events", "queries", "quarantine", "rejections"}
)
"""The system views, all in SCHEMA."""
LISTED = frozenset({"tables", "columns", "schemata"})
"""What may be asked of information_schema."""


ALL_SEQS = range(2**53)


class Wanted(msgspec.Struct, frozen=True):
    """A relation of a statement, taken apart: `moment` is the text of a point in time, or None;
    `start` and `stop` bound the events that are looked at."""

    name: str
    system: bool
    moment: str | None
    start: int = ALL_SEQS.start
    stop: int = ALL_SEQS.stop

    @property
    def called(self) -> str:
        """Its name inside its schema, moment included."""
        return self.name if self.moment is None else at(self.name, self.moment)


def system_name(name: str, seqs: range = ALL_SEQS) -> str:
    """What the system view `name` is called in a set of relations; `seqs`: the events looked at."""
    return f"{SCHEMA}.{name}" if seqs == ALL_SEQS else f"{SCHEMA}.{name}#{seqs.start}:{seqs.stop}"


def at(name: str, moment: str) -> str:
    """What relation `name` is called as it was at `moment`, an event's number or a time."""
    return f"{name}@{moment}"


def wanted(relation: str) -> Wanted:
    """The inverse of `system_name` and `at`; any other text is a dataset's name."""
    name, mark, moment = relation.partition("@")
    schema, dot, inner = name.partition(".")
    inner, _, bounds = inner.partition("#")
    if not dot or schema != SCHEMA or inner not in SYSTEM:
        return Wanted(name, False, moment if mark else None)
    start, _, stop = bounds.partition(":")
    seqs = range(int(start), int(stop)) if bounds else ALL_SEQS
    return Wanted(inner, True, moment if mark else None, seqs.start, seqs.stop)
