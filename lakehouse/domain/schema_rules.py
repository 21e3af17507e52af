"""The rules about schemas: what conflicts with a dataset's, and what only widens it. Pure; a part
of `decide`."""

from journal.events import Column
from lakehouse.domain.commands import IngestDataset, Table
from lakehouse.domain.errors import Json, Refused
from projections.catalog import Dataset

WIDER = frozenset({("int64", "double")})
"""Changes of a column's type that widen it, beside any to `string`. Whether the values are exact as
doubles is looked at where they are."""


def may_change(live: Dataset, command: IngestDataset, table: Table) -> bool:
    """Whether the dataset's schema may become the file's, as the command asks for it."""
    if command.schema_change == "replace":
        return command.mode == "replace"
    return command.schema_change == "widen" and widens(live.schema, table.schema)


def widens(was: tuple[Column, ...] | None, now: tuple[Column, ...]) -> bool:
    """Whether `now` is `was` with wider types and further columns at the end."""
    if was is None or len(now) < len(was):
        return False
    return all(
        old.name == new.name
        and (old.type == new.type or new.type == "string" or (old.type, new.type) in WIDER)
        for old, new in zip(was, now, strict=False)
    )


def depends_on_values(live: Dataset, table: Table) -> bool:
    """Whether the file's schema widens the dataset's only as long as no value there forbids it."""
    pairs = zip(live.schema or (), table.schema, strict=False)
    return any((old.type, new.type) in WIDER for old, new in pairs)


def schema_conflict(live: Dataset, table: Table) -> Refused:
    """The refusal that names every column that differs, and its first line that does not fit."""
    if live.schema is None:
        detail = f"{live.name} has the opaque fingerprint {live.schema_fingerprint!r}"
        return Refused("schema_conflict", detail)
    rows = schema_differences(live.schema, table.schema)
    lines = dict(table.lines)
    errors = tuple(
        row | {"line": lines[name]} if (name := str(row["name"])) in lines else row for row in rows
    )
    count = "1 column differs" if len(rows) == 1 else f"{len(rows)} columns differ"
    detail = f"{live.name}: {count}"
    first = min(table.lines, key=lambda each: each[1], default=None)
    if first is not None:
        detail += f"; line {first[1]} is the first, in column {first[0]}"
    return Refused("schema_conflict", detail, errors)


def schema_differences(
    was: tuple[Column, ...], now: tuple[Column, ...]
) -> tuple[dict[str, Json], ...]:
    """A row {name, was, is} for each column that differs: by type, by absence, or by place."""
    before = {column.name: column.type for column in was}
    after = {column.name: column.type for column in now}
    names = list(dict.fromkeys([*before, *after]))
    rows: list[dict[str, Json]] = [
        {"name": name, "was": before.get(name), "is": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]
    moved: list[dict[str, Json]] = [
        {"name": old.name, "was": old.type, "is": old.type, "position": place}
        for place, (old, new) in enumerate(zip(was, now, strict=False), 1)
        if old.name != new.name
    ]
    return tuple(rows or moved)
