"""The rules about schemas: what conflicts with a dataset's, and what only widens it.

Pure; a part of `decide`. Columns are compared by name. Must never read values: the readers give
a column that fits the dataset the dataset's type.
"""

from itertools import combinations

import msgspec

from journal.column_names import folded
from journal.events import Column
from lakehouse.domain.commands import IngestDataset, Table
from lakehouse.domain.errors import Json, Refused
from projections.catalog import Dataset

MISSING, ADDED, TYPE = "missing", "added", "type"

_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
DOUBLE = "double"
_DEPENDS_ON_VALUES = frozenset({("int64", DOUBLE)})
WIDER = frozenset(
    {
        *combinations(_SIGNED, 2),
        *combinations(_UNSIGNED, 2),
        *((old, new) for place, old in enumerate(_UNSIGNED) for new in _SIGNED[place + 1 :]),
        *((old, DOUBLE) for old in (*_SIGNED[:3], *_UNSIGNED[:3])),
        *combinations(("halffloat", "float", DOUBLE), 2),
        *combinations(("timestamp[s]", "timestamp[ms]", "timestamp[us]"), 2),
        *_DEPENDS_ON_VALUES,
    }
)
"""Changes of a column's type that widen it, beside any to `string` and any from `null`,
which has no values. An int64 column becomes double only where all values there are doubles, which the
service reads from the objects."""

_BY_WIDTH = (*_SIGNED, *_UNSIGNED, "float", DOUBLE)
_SHOWN_PROBLEMS = 5


class ColumnProblem(msgspec.Struct, frozen=True):
    """One column where a file differs from a dataset; `was` and `is_` are the types, if it has them.

    `line` is the first line of the file with a value that does not fit `was`, where that is known.
    """

    name: str
    problem: str
    was: str | None = None
    is_: str | None = None
    line: int | None = None

    def row(self) -> dict[str, Json]:
        """The entry for `errors`."""
        row: dict[str, Json] = {"name": self.name, "problem": self.problem}
        if self.problem == TYPE:
            row |= {"was": self.was, "is": self.is_}
        return row if self.line is None else row | {"line": self.line}

    def text(self) -> str:
        """The problem in words."""
        if self.problem != TYPE:
            return f"column {self.name} is {self.problem}"
        where = "" if self.line is None else f" (line {self.line})"
        return f"column {self.name} is {self.was}, the file's is {self.is_}{where}"


def may_change(live: Dataset, command: IngestDataset, table: Table) -> bool:
    """Whether the dataset's schema may become the file's, as the command asks for it."""
    if command.schema_change == "replace":
        return command.mode == "replace"
    return command.schema_change == "widen" and widens(live.schema, table.schema)


def widens(was: tuple[Column, ...] | None, now: tuple[Column, ...]) -> bool:
    """Whether `now` is `was` with wider types and further columns at the end.

    A further column whose name differs from another's by case alone would make the dataset unreadable.
    """
    if was is None or len(now) < len(was) or _same_but_for_case(now):
        return False
    return all(
        old.name == new.name and (old.type == new.type or is_wider(old.type, new.type))
        for old, new in zip(was, now, strict=False)
    )


def is_wider(was: str, now: str) -> bool:
    """Whether a column of the type `was` may become one of the type `now`."""
    return now == "string" or was == "null" or (was, now) in WIDER


def common_wider(was: str, stored: str) -> str | None:
    """The narrowest type that a column may become to hold all values of the type `stored` too.

    None where there is none but `string`. An int64 column becomes double only as `WIDER` says; values
    of int64 are not all doubles.
    """
    if (stored, DOUBLE) in _DEPENDS_ON_VALUES:
        return None
    both = (name for name in _BY_WIDTH if {(was, name), (stored, name)} <= WIDER)
    return next(both, None)


def depends_on_values(live: Dataset, table: Table) -> bool:
    """Whether the file's schema widens the dataset's only as long as no value there forbids it."""
    pairs = zip(live.schema or (), table.schema, strict=False)
    return any((old.type, new.type) in _DEPENDS_ON_VALUES for old, new in pairs)


def schema_conflict(live: Dataset, table: Table) -> Refused:
    """The refusal that names every column that differs, and its first line that does not fit."""
    if live.schema is None:
        detail = f"{live.name} has the opaque fingerprint {live.schema_fingerprint!r}"
        return Refused("schema_conflict", detail)
    problems = column_problems(live.schema, table.schema, dict(table.lines))
    refused = conflict(live.name, problems)
    if same := _same_but_for_case((*live.schema, *table.schema)):
        detail = f"{refused.detail}; {' and '.join(same)} differ by case alone"
        return msgspec.structs.replace(refused, detail=detail)
    return refused


def conflict(name: str, problems: tuple[ColumnProblem, ...]) -> Refused:
    """The refusal of a file for the dataset `name` because of these columns."""
    if not problems:
        return Refused("schema_conflict", f"{name}: the same columns in another order")
    texts = [each.text() for each in problems[:_SHOWN_PROBLEMS]]
    if len(problems) > _SHOWN_PROBLEMS:
        texts.append(f"and {len(problems) - _SHOWN_PROBLEMS} more")
    detail = f"{name}: {'; '.join(texts)}"
    return Refused("schema_conflict", detail, tuple(each.row() for each in problems))


def column_problems(
    was: tuple[Column, ...], now: tuple[Column, ...], lines: dict[str, int]
) -> tuple[ColumnProblem, ...]:
    """The columns where `now` differs from `was`, by name: in the order of `was`, then of `now`.

    `lines` maps a column to the first line whose value does not fit. The order of columns is no
    difference.
    """
    before = {column.name: column.type for column in was}
    after = {column.name: column.type for column in now}
    problems = []
    for name in before | after:
        if name not in after:
            problems.append(ColumnProblem(name, MISSING, was=before[name]))
        elif name not in before:
            problems.append(ColumnProblem(name, ADDED, is_=after[name]))
        elif before[name] != after[name]:
            problem = ColumnProblem(name, TYPE, before[name], after[name], lines.get(name))
            problems.append(problem)
    return tuple(problems)


def _same_but_for_case(columns: tuple[Column, ...]) -> tuple[str, str] | None:
    """The first two names that queries take for one, or None."""
    seen: dict[str, str] = {}
    for column in columns:
        other = seen.setdefault(folded(column.name), column.name)
        if other != column.name:
            return other, column.name
    return None


def schema_differences(
    was: tuple[Column, ...], now: tuple[Column, ...]
) -> tuple[dict[str, Json], ...]:
    """A row {name, was, is} for each column that differs between two states of a dataset.

    By type or by absence; where that makes no difference, by position.
    """
    rows: list[dict[str, Json]] = [
        {"name": each.name, "was": each.was, "is": each.is_}
        for each in column_problems(was, now, {})
    ]
    moved: list[dict[str, Json]] = [
        {"name": old.name, "was": old.type, "is": old.type, "position": place}
        for place, (old, new) in enumerate(zip(was, now, strict=False), 1)
        if old.name != new.name
    ]
    return tuple(rows or moved)
