"""How relations that are no plain dataset are named, between the guard and whoever resolves them.

Pure. A dataset's name has neither `.` nor `@`, so none can be mistaken for another.
"""

import msgspec

SCHEMA = "lake"
SYSTEM = frozenset({"datasets", "columns", "objects", "events", "queries", "quarantine"})
"""The system views, all in SCHEMA."""
LISTED = frozenset({"tables", "columns", "schemata"})
"""What may be asked of information_schema."""


class Wanted(msgspec.Struct, frozen=True):
    """A relation of a statement, taken apart: `moment` is the text of a point in time, or None."""

    name: str
    system: bool
    moment: str | None

    @property
    def called(self) -> str:
        """Its name inside its schema, moment included."""
        return self.name if self.moment is None else at(self.name, self.moment)


def system_name(name: str) -> str:
    """What the system view `name` is called in a set of relations."""
    return f"{SCHEMA}.{name}"


def at(name: str, moment: str) -> str:
    """What relation `name` is called as it was at `moment`, an event's number or a time."""
    return f"{name}@{moment}"


def wanted(relation: str) -> Wanted:
    """The inverse of `system_name` and `at`; any other text is a dataset's name."""
    name, mark, moment = relation.partition("@")
    schema, dot, inner = name.partition(".")
    system = bool(dot) and schema == SCHEMA and inner in SYSTEM
    return Wanted(inner if system else name, system, moment if mark else None)
