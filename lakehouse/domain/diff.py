"""What differs between two states, dataset by dataset. Pure."""

import msgspec

from lakehouse.domain.errors import Body, Json
from lakehouse.domain.schema_rules import schema_differences
from projections.catalog import Dataset
from projections.fold import State


def diff(was: State, now: State) -> list[Body]:
    """A row for each dataset that was added, dropped or changed, in name order.

    One that was restored or made anew just as it was has not changed.
    """
    before, after = was.catalog.datasets, now.catalog.datasets
    rows: list[Body] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new and not _same(old, new):
            rows.append(_row(old, new))
    return rows


def _same(old: Dataset | None, new: Dataset | None) -> bool:
    """Whether they hold the same, whenever and from whatever it came."""
    if old is None or new is None:
        return False
    made = {"sources": (), "created_at": "", "updated_at": "", "seq": 0}
    return msgspec.structs.replace(old, **made) == msgspec.structs.replace(new, **made)


def _row(old: Dataset | None, new: Dataset | None) -> Body:
    either = new or old
    change = "added" if old is None else "dropped" if new is None else "changed"
    return {
        "name": either.name if either else "",
        "change": change,
        "rows": {"from": old.row_count if old else None, "to": new.row_count if new else None},
        "objects": _objects(old, new),
        "schema": _schema(old, new),
        "seq": {"from": old.seq if old else None, "to": new.seq if new else None},
    }


def _objects(old: Dataset | None, new: Dataset | None) -> Json:
    before = {item.blob: item.key for item in old.objects} if old else {}
    after = {item.blob: item.key for item in new.objects} if new else {}
    return {
        "added": [key for blob, key in after.items() if blob not in before],
        "removed": [key for blob, key in before.items() if blob not in after],
    }


def _schema(old: Dataset | None, new: Dataset | None) -> Json:
    """The columns that differ, as `schema_conflict` tells them; none while one of them is not known."""
    if old is None or new is None or old.schema is None or new.schema is None:
        return []
    return [*schema_differences(old.schema, new.schema)]
