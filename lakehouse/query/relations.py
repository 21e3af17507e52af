"""The internal names of relations: system views, past moments, what views read. Pure.

The guard makes these names and the service resolves them. The name of a dataset has neither `.` nor
`@`, so no two can be confused. Must never decide what a statement may read.
"""

import msgspec

from lakehouse.system.event_bounds import ALL_EVENTS, EventBounds
from lakehouse.system.view_table import SCHEMA, SYSTEM_VIEWS

INNER = "!"
"""The first character of the names of relations that views read; no name in a statement has it."""
MARK = "@"
"""Between the name of a relation and its moment."""
LISTED = frozenset({"tables", "columns", "schemata"})
"""The relations of information_schema that a statement may read."""


class RelationName(msgspec.Struct, frozen=True):
    """The parts of a relation's name: `moment` is the text of a point in time, or None."""

    name: str
    system: bool
    moment: str | None
    bounds: EventBounds = ALL_EVENTS
    inner: bool = False
    """Whether a view reads it, and not the statement itself."""

    @property
    def called(self) -> str:
        """Its name inside its schema, moment included."""
        return self.name if self.moment is None else at(self.name, self.moment)


def system_name(name: str, bounds: EventBounds = ALL_EVENTS) -> str:
    """The internal name of the system view `name`, of which the events within `bounds` are read."""
    if bounds == ALL_EVENTS:
        return f"{SCHEMA}.{name}"
    seqs, times = bounds.seqs, bounds.times
    parts = (seqs.start, seqs.stop, times.start, times.stop, bounds.dataset or "")
    return f"{SCHEMA}.{name}#{':'.join(map(str, parts))}"


def at(name: str, moment: str) -> str:
    """The internal name of relation `name` as of `moment`, the number of an event or a time."""
    return f"{name}{MARK}{moment}"


def inner_name(relation: str, moment: str | None = None) -> str:
    """The internal name of a relation that a view reads, at the view's own moment if it has one."""
    return INNER + (relation if moment is None else at(relation, moment))


def parse_relation(relation: str) -> RelationName:
    """The inverse of `system_name`, `at` and `inner_name`; any other text is the name of a dataset."""
    name, mark, moment = relation.removeprefix(INNER).partition(MARK)
    if relation.startswith(INNER):
        return RelationName(name, False, moment if mark else None, inner=True)
    schema, dot, inner = name.partition(".")
    inner, _, bounds = inner.partition("#")
    if not dot or schema != SCHEMA or inner not in SYSTEM_VIEWS:
        return RelationName(name, False, moment if mark else None)
    return RelationName(inner, True, moment if mark else None, _bounds(bounds))


def _bounds(text: str) -> EventBounds:
    if not text:
        return ALL_EVENTS
    *numbers, dataset = text.split(":")
    first, last, since, until = map(int, numbers)
    return EventBounds(range(first, last), range(since, until), dataset or None)
