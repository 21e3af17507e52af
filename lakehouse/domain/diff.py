"""What differs between two states, dataset by dataset. Pure."""

from collections.abc import Mapping

import msgspec

from lakehouse.api.history.time_travel import (
    ColumnChange,
    DatasetChange,
    DefinitionChange,
    ObjectChanges,
    RowSpan,
    Span,
)
from lakehouse.domain.row_changes import RowChanges, Rows, row_changes
from lakehouse.domain.rules.schemas import schema_differences
from projections.catalog import Dataset
from projections.definitions import Profile, ViewDefinition
from projections.fold import State
from projections.inventory import Inventory
from projections.sources import WatchedSource


def diff(was: State, now: State) -> list[DatasetChange]:
    """A row for each dataset that was added, dropped or changed, in name order.

    A dataset that was replaced or restored by the same content has not changed.
    """
    before, after = was.catalog.datasets, now.catalog.datasets
    later = max(was, now, key=lambda state: state.head.seq).inventory
    rows: list[DatasetChange] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new and not _same(old, new):
            rows.append(_row(old, new, later))
    return rows


Definition = ViewDefinition | Profile | WatchedSource


def diff_definitions(
    was: Mapping[str, Definition], now: Mapping[str, Definition]
) -> list[DefinitionChange]:
    """A row for each definition that was added, dropped or changed, in name order."""
    rows: list[DefinitionChange] = []
    for name in sorted({*was, *now}):
        old, new = was.get(name), now.get(name)
        if _untimed(old) != _untimed(new):
            change = "added" if old is None else "dropped" if new is None else "changed"
            called = new.name if new else old.name if old else name
            seqs = Span(old.seq if old else None, new.seq if new else None)
            rows.append(DefinitionChange(called, change, seqs))
    return rows


def _untimed(found: Definition | None) -> Definition | None:
    if found is None:
        return None
    return msgspec.structs.replace(found, created_at="", updated_at="", seq=0)


def _same(old: Dataset | None, new: Dataset | None) -> bool:
    """Whether both have the same content, whatever their source and time."""
    if old is None or new is None:
        return False
    made = {
        "sources": (),
        "created_at": "",
        "updated_at": "",
        "seq": 0,
        "edited_seq": 0,
        "rows_seq": 0,
    }
    return msgspec.structs.replace(old, **made) == msgspec.structs.replace(new, **made)


def _row(old: Dataset | None, new: Dataset | None, later: Inventory) -> DatasetChange:
    either = new or old
    change = "added" if old is None else "dropped" if new is None else "changed"
    return DatasetChange(
        either.name if either else "",
        change,
        _rows(old, new, later),
        _objects(old, new),
        _schema(old, new),
        Span(old.seq if old else None, new.seq if new else None),
    )


def _rows(old: Dataset | None, new: Dataset | None, later: Inventory) -> RowSpan:
    if old is None or new is None:
        first, last = old.row_count if old else None, new.row_count if new else None
        return RowSpan(first, last, added=last if new else 0, removed=first if old else 0)
    before, after = _row_counts(old), _row_counts(new)
    changes = row_changes(before, after, later)
    if changes and not _balanced(changes, before, after):
        changes = None
    return RowSpan(
        old.row_count,
        new.row_count,
        added=changes.added if changes else None,
        removed=changes.removed if changes else None,
    )


def _balanced(changes: RowChanges, before: Rows, after: Rows) -> bool:
    """Whether the changes lead from one number of rows to the other.

    Rows that a rewrite counted may have been erased since, so that its numbers are of none that is left.
    """
    counts = [*before.values(), *after.values()]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return True  # nothing to compare with
    net = sum(known[len(before) :]) - sum(known[: len(before)])
    return changes.added - changes.removed == net


def _row_counts(dataset: Dataset) -> dict[str, int | None]:
    return {item.blob: item.row_count for item in dataset.objects}


def _objects(old: Dataset | None, new: Dataset | None) -> ObjectChanges:
    before = {item.blob: item.key for item in old.objects} if old else {}
    after = {item.blob: item.key for item in new.objects} if new else {}
    return ObjectChanges(
        [key for blob, key in after.items() if blob not in before],
        [key for blob, key in before.items() if blob not in after],
    )


def _schema(old: Dataset | None, new: Dataset | None) -> list[ColumnChange]:
    """The columns that differ, as in `schema_conflict`; none if one schema is not known."""
    if old is None or new is None or old.schema is None or new.schema is None:
        return []
    rows = schema_differences(old.schema, new.schema)
    return [msgspec.convert(row, ColumnChange) for row in rows]
