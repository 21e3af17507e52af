"""The differences between two states of the catalog as a table."""

import msgspec

from lakehouse.cli import printing
from lakehouse.cli.tables import print_table
from lakehouse.domain.errors import Json

NAMES = ("change", "name", "rows", "objects", "columns")


class _Rows(msgspec.Struct, frozen=True):
    was: int | None = msgspec.field(name="from")
    now: int | None = msgspec.field(name="to")


class _Objects(msgspec.Struct, frozen=True):
    added: list[str]
    removed: list[str]


class _Column(msgspec.Struct, frozen=True):
    name: str
    was: str | None
    now: str | None = msgspec.field(name="is")


class _Row(msgspec.Struct, frozen=True):
    change: str
    name: str
    rows: _Rows
    objects: _Objects
    schema: list[_Column]


def print_diff(rows: Json, *, pager: bool = True) -> None:
    """Print the rows of a diff; without any, a message to stderr."""
    found = msgspec.convert(rows, list[_Row])
    if not found:
        printing.message("no dataset differs")
        return
    cells: list[list[Json]] = [
        [row.change, row.name, _rows(row), _objects(row.objects), _columns(row.schema)]
        for row in found
    ]
    print_table(NAMES, cells, pager=pager)


def _rows(row: _Row) -> str:
    was, now = ("?" if each is None else f"{each:,}" for each in (row.rows.was, row.rows.now))
    if row.change == "changed" and was != now:
        return f"{was} -> {now}"
    return was if row.change == "dropped" else now


def _objects(objects: _Objects) -> str:
    return f"+{len(objects.added)} -{len(objects.removed)}"


def _columns(columns: list[_Column]) -> str:
    """`-a, +b: int64, c: int64 -> string`."""
    return ", ".join(map(_column, columns))


def _column(column: _Column) -> str:
    if column.now is None:
        return f"-{column.name}"
    if column.was is None:
        return f"+{column.name}: {column.now}"
    return f"{column.name}: {column.was} -> {column.now}"
