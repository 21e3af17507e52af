"""How relations that are no plain dataset are named, between the guard and whoever resolves them.

Pure. A dataset's name has neither `.` nor `@`, so none can be mistaken for another.
"""

import msgspec

SCHEMA = "lake"
SYSTEM = frozenset(
    {"datasets", "columns", "objects", "events", "queries", "quarantine", "rejections", "views"}
)
"""The system views, all in SCHEMA."""
INNER = "!"
"""What the names of relations begin with that views read, so that no statement's are mistaken for them."""
LISTED = frozenset({"tables", "columns", "schemata"})
"""What may be asked of information_schema."""


ALL_SEQS = range(2**53)
ALL_TIMES = range(2**62)


class Seen(msgspec.Struct, frozen=True):
    """Which events a statement looks at: no others need be there, and these need not be alone.

    `times` are microseconds since 1970 in UTC; `dataset` is a name, in any spelling, or None for all.
    """

    seqs: range = ALL_SEQS
    times: range = ALL_TIMES
    dataset: str | None = None


class Wanted(msgspec.Struct, frozen=True):
    """A relation of a statement, taken apart: `moment` is the text of a point in time, or None."""

    name: str
    system: bool
    moment: str | None
    seen: Seen = Seen()
    inner: bool = False
    """Whether a view reads it, not the statement itself."""

    @property
    def called(self) -> str:
        """Its name inside its schema, moment included."""
        return self.name if self.moment is None else at(self.name, self.moment)


def system_name(name: str, seen: Seen = Seen()) -> str:  # noqa: B008 - it is frozen
    """What the system view `name` is called in a set of relations; `seen`: the events looked at."""
    if seen == Seen():
        return f"{SCHEMA}.{name}"
    seqs, times = seen.seqs, seen.times
    bounds = (seqs.start, seqs.stop, times.start, times.stop, seen.dataset or "")
    return f"{SCHEMA}.{name}#{':'.join(map(str, bounds))}"


def at(name: str, moment: str) -> str:
    """What relation `name` is called as it was at `moment`, an event's number or a time."""
    return f"{name}@{moment}"


def inner_name(relation: str, moment: str | None = None) -> str:
    """What a relation is called where a view reads it, at the view's own moment if it has one."""
    return INNER + (relation if moment is None else at(relation, moment))


def wanted(relation: str) -> Wanted:
    """The inverse of `system_name`, `at` and `inner_name`; any other text is a dataset's name."""
    name, mark, moment = relation.removeprefix(INNER).partition("@")
    if relation.startswith(INNER):
        return Wanted(name, False, moment if mark else None, inner=True)
    schema, dot, inner = name.partition(".")
    inner, _, bounds = inner.partition("#")
    if not dot or schema != SCHEMA or inner not in SYSTEM:
        return Wanted(name, False, moment if mark else None)
    return Wanted(inner, True, moment if mark else None, _seen(bounds))


def _seen(bounds: str) -> Seen:
    if not bounds:
        return Seen()
    *numbers, dataset = bounds.split(":")
    first, last, since, until = map(int, numbers)
    return Seen(range(first, last), range(since, until), dataset or None)
