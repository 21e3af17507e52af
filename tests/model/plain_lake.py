"""The plain lake: datasets as lists of rows, and what each change makes of them.

Shares no code with the product: it has no objects, no events and no files.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.model.conditions import Condition, NewValue, Row, changed

Datasets = dict[str, tuple[Row, ...]]


class Statement(NamedTuple):
    """What a derived dataset's rows are from: the rows of `source` that fulfil a condition."""

    source: str
    where: Condition


Statements = dict[str, Statement]


class Refusal(Exception):
    """The code with which a change must be refused."""


@dataclass
class Moment:
    """What was true after an event; `names` are those that it changed, none where it only moved rows.

    `statements`: of the derived datasets; None: those of the moment before. `collects`: the event
    says which objects were deleted, and no more.
    """

    datasets: Datasets
    names: frozenset[str]
    undoable: bool = True
    statements: Statements | None = None
    collects: bool = False


@dataclass
class PlainLake:
    """All moments so far; the last one is the present."""

    moments: list[Moment] = field(default_factory=lambda: [Moment({}, frozenset(), statements={})])

    @property
    def seq(self) -> int:
        return len(self.moments) - 1

    @property
    def now(self) -> Datasets:
        return dict(self.moments[-1].datasets)

    @property
    def statements(self) -> Statements:
        return dict(self.moments[-1].statements or {})

    def add(self, moment: Moment, seq: int) -> None:
        """A moment after `seq` events: none, one or several more than before, all the same."""
        if moment.statements is None:
            moment.statements = self.statements
        while self.seq < seq:
            self.moments.append(moment)

    def as_of(self, seq: int) -> Datasets:
        return self.moments[seq].datasets

    def last_change(self, name: str) -> int:
        """The last event that changed the name."""
        return max((seq for seq, each in enumerate(self.moments) if name in each.names), default=0)

    def moved_since(self, seq: int) -> bool:
        """Whether rows came into other objects after event `seq`, by what changes no dataset."""
        return any(not (each.undoable or each.collects) for each in self.moments[seq + 1 :])

    def undone(self, seq: int) -> Moment:
        """The present without what event `seq` did."""
        event, before = self.moments[seq], self.moments[seq - 1].datasets
        if not event.undoable:
            raise Refusal("cannot_undo")
        if any(self.last_change(name) != seq for name in event.names):
            raise Refusal("undo_conflict")
        now = {name: rows for name, rows in self.now.items() if name not in event.names}
        now |= {name: rows for name, rows in before.items() if name in event.names}
        then = self.moments[seq - 1].statements or {}
        statements = {name: it for name, it in self.statements.items() if name not in event.names}
        statements |= {name: it for name, it in then.items() if name in event.names}
        return Moment(now, event.names, statements=statements)

    def erased(self, where: Condition) -> Moment:
        """The present, once the rows have left every dataset at every moment."""
        if not any(moment.datasets for moment in self.moments):
            raise Refusal("dataset_not_found")
        for moment in self.moments:
            moment.datasets = {
                name: tuple(row for row in rows if not where.holds(row))
                for name, rows in moment.datasets.items()
            }
        return Moment(self.now, frozenset(), undoable=False)

    def collected(self) -> Moment:
        """The present, once objects that nothing refers to were deleted."""
        return Moment(self.now, frozenset(), undoable=False, collects=True)

    def derived(self, name: str, statement: Statement) -> Moment:
        """The present with a dataset made, or made again, from a statement."""
        now = self.now
        if statement.source not in now:
            raise Refusal("sql_error")
        now[name] = tuple(row for row in now[statement.source] if statement.where.holds(row))
        return Moment(now, frozenset({name}), statements=self.statements | {name: statement})

    def refreshed(self, name: str) -> Moment:
        """The present with the dataset's statement run again."""
        rows_of(self.now, name)
        return self.derived(name, self.statements[name])


def rows_of(datasets: Datasets, name: str) -> tuple[Row, ...]:
    if name not in datasets:
        raise Refusal("dataset_not_found")
    return datasets[name]


def ingested(datasets: Datasets, name: str, mode: str, rows: list[Row]) -> None:
    before = datasets.get(name, ()) if mode == "append" else ()
    datasets[name] = (*before, *rows)


def merged(datasets: Datasets, name: str, rows: list[Row]) -> None:
    """By id."""
    counts = Counter(row[0] for row in rows)
    if max(counts.values(), default=1) > 1:
        raise Refusal("duplicate_key")
    datasets[name] = (*(row for row in datasets.get(name, ()) if row[0] not in counts), *rows)


def overwritten(datasets: Datasets, name: str, where: Condition, rows: list[Row]) -> None:
    if not all(where.holds(row) for row in rows):
        raise Refusal("outside_where")
    datasets[name] = (*(row for row in datasets.get(name, ()) if not where.holds(row)), *rows)


def deleted(datasets: Datasets, name: str, where: Condition) -> int:
    was = rows_of(datasets, name)
    datasets[name] = tuple(row for row in was if not where.holds(row))
    return len(was) - len(datasets[name])


def updated(datasets: Datasets, name: str, where: Condition, values: list[NewValue]) -> int:
    was = rows_of(datasets, name)
    hits = [bool(where.holds(row)) for row in was]
    datasets[name] = tuple(
        changed(row, values) if hit else row for row, hit in zip(was, hits, strict=True)
    )
    return sum(hits)


def dropped(datasets: Datasets, name: str) -> None:
    rows_of(datasets, name)
    del datasets[name]


def renamed(datasets: Datasets, name: str, to: str) -> None:
    was = rows_of(datasets, name)
    if name == to:
        return
    if to in datasets:
        raise Refusal("name_taken")
    del datasets[name]
    datasets[to] = was


def swapped(datasets: Datasets, a: str, b: str) -> None:
    was_a, was_b = rows_of(datasets, a), rows_of(datasets, b)
    if a == b:
        raise Refusal("invalid_request")
    datasets[a], datasets[b] = was_b, was_a


def restored(datasets: Datasets, name: str, then: Datasets) -> None:
    datasets[name] = rows_of(then, name)
