"""The differences between two states of the catalog as a table."""

import msgspec

from lakehouse.api.history.time_travel import (
    AccessDifference,
    AccessTerms,
    ColumnChange,
    DatasetChange,
    ObjectChanges,
)
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.domain.errors import Json

NAMES = ("change", "name", "rows", "objects", "columns")
ACCESS_NAMES = ("change", "what", "principal", "on", "from", "to")


def print_diff(found: list[DatasetChange], *, pager: bool = True) -> None:
    """Print the rows of a diff; without any, a message to stderr."""
    if not found:
        printing.message("no dataset differs")
        return
    cells: list[list[Json]] = [
        [row.change, row.name, _rows(row), _objects(row.objects), _columns(row.schema)]
        for row in found
    ]
    print_table(NAMES, cells, pager=pager)


def print_access_diff(found: list[AccessDifference], *, pager: bool = True) -> None:
    """Print principals, grants and tokens that differ."""
    cells: list[list[Json]] = [
        [row.change, row.what, row.principal, row.on or "", _shown(row.first), _shown(row.last)]
        for row in found
    ]
    print_table(ACCESS_NAMES, cells, pager=pager)


def _shown(terms: AccessTerms | None) -> str:
    return "" if terms is None else msgspec.json.encode(terms).decode()


def _rows(row: DatasetChange) -> str:
    was, now = ("?" if each is None else f"{each:,}" for each in (row.rows.first, row.rows.last))
    if row.change != "changed":
        return was if row.change == "dropped" else now
    span = now if was == now else f"{was} -> {now}"
    added, removed = row.rows.added, row.rows.removed
    return f"{span} (+{added:,} -{removed:,})" if added and removed else span


def _objects(objects: ObjectChanges) -> str:
    return f"+{len(objects.added)} -{len(objects.removed)}"


def _columns(columns: list[ColumnChange]) -> str:
    """`-a, +b: int64, c: int64 -> string`."""
    return ", ".join(map(_column, columns))


def _column(column: ColumnChange) -> str:
    if column.now is None:
        return f"-{column.name}"
    if column.was is None:
        return f"+{column.name}: {column.now}"
    return f"{column.name}: {column.was} -> {column.now}"
