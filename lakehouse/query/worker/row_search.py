"""Finds rows by a user's condition, and computes new values: the SQL for it, judged and bound.

Maps the lines of errors to lines of the user's own text. Must never run an expression that
`row_expression` has not judged.
"""

from collections.abc import Callable
from datetime import datetime

import duckdb
import msgspec

from journal.column_names import folded
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.policy.row_expression import (
    RowExpression,
    in_lines,
    line_of,
    read_expression,
)
from lakehouse.query.wire.messages import KEYS, RowSearch
from lakehouse.query.worker.relations.defined_views import BOOLEAN, columns_of
from lakehouse.query.worker.row_values import cast_sql, misfit_sql
from projections.view_sql.datasets import OBJECT_COLUMN, ROW_COLUMN, View, quoted

Cursor = duckdb.DuckDBPyConnection
Refuse = Callable[[BaseException], Refused]
"""From an exception of DuckDB the refusal that it amounts to."""
Columns = dict[str, str]
"""The columns of a dataset in order, with DuckDB's names of their types."""
_POSITIONS = f"{quoted(OBJECT_COLUMN)}, {quoted(ROW_COLUMN)}"
_NUMBERED = f", {quoted(ROW_COLUMN)}"
"""The last column of rows with new values: whoever writes them checks that they came in order."""
_HIT = quoted("\x01hit")
_SHOWN_CHARACTERS = 64


class RowPlan(msgspec.Struct, frozen=True):
    """A statement over rows. `places`: (first line, label) of each of the user's expressions in it."""

    sql: str
    places: tuple[tuple[int, str], ...]
    reads_clock: bool

    def relocated(self, refused: Refused) -> Refused:
        """A failure of the statement, with the line of the user's expression where it is in one."""
        line = line_of(refused.detail) or 0
        first, label = next((each for each in reversed(self.places) if each[0] <= line), (1, ""))
        detail = label + in_lines(refused.detail, first - 1)
        return msgspec.structs.replace(refused, detail=detail)


class _Text:
    """SQL while it is put together: knows the lines on which the user's expressions begin."""

    def __init__(self) -> None:
        self.sql = ""
        self.places: list[tuple[int, str]] = []

    def add(self, sql: str) -> None:
        self.sql += sql

    def add_expression(self, expression: RowExpression, label: str) -> None:
        """The expression in parentheses, on lines of its own."""
        self.sql += "(\n"
        self.places.append((self.sql.count("\n") + 1, label))
        self.sql += f"{expression.sql}\n)"


class _NewValue(msgspec.Struct, frozen=True):
    """An expression for a column: its own type, and the column's, by DuckDB's names."""

    column: str
    expression: RowExpression
    type_: str
    column_type: str

    @property
    def label(self) -> str:
        return f"set {self.column}: "


def planned(
    cursor: Cursor, parser: Cursor, view: View, search: RowSearch, refuse: Refuse
) -> RowPlan:
    """How rows are found, or an object's rows are read with new values.

    Raises RefusedError `sql_error`, `statement_not_allowed`.
    """
    name, now = quoted(view.name), datetime.fromisoformat(search.now)
    if search.key:
        return RowPlan(_with_key(name, search.key), (), False)
    types = {each.name: each.type for each in columns_of(cursor, name)}
    columns = {
        each: type_ for each, type_ in types.items() if each not in (OBJECT_COLUMN, ROW_COLUMN)
    }
    judge = _Judge(cursor, parser, name, frozenset(map(folded, columns)), now, refuse)
    where, type_ = judge.bound(search.where, "")
    if type_ not in BOOLEAN:
        detail = f"where must be a boolean expression; its type is {type_}"
        raise RefusedError(Refused("sql_error", detail))
    values = [judge.value(column, text, columns) for column, text in search.set]
    reads_clock = any(each.reads_clock for each in (where, *(each.expression for each in values)))
    text = _Text()
    if search.outside:
        text.add(f"SELECT {_POSITIONS} FROM {name} WHERE ")  # noqa: S608  names are quoted
        text.add_expression(where, "")
        text.add(f" IS NOT TRUE ORDER BY ALL LIMIT {search.outside}")
    elif search.values:
        _new_values(text, name, where, values)
    else:
        (_changed_rows if search.changed else _found_rows)(text, name, columns, where, values)
    if (search.changed or search.values) and _joins(cursor, text.sql):
        text.add(f" ORDER BY {_POSITIONS}")
    return RowPlan(text.sql, tuple(text.places), reads_clock)


def _joins(cursor: Cursor, sql: str) -> bool:
    """Whether DuckDB plans a join, which may change the order of the rows: for a long IN, for ANY.

    Otherwise the order is that of the objects. Sorting always would hold all rows of an object.
    """
    row = cursor.execute(f"EXPLAIN (FORMAT json) {sql}").fetchone()
    return row is None or "JOIN" in str(row[1]).upper()


def _with_key(name: str, key: tuple[str, ...]) -> str:
    """The statement that finds the rows with one of the keys. NaN is equal to NaN, as 0.0 to -0.0."""
    same = " AND ".join(f"r.{quoted(each)} = k.{quoted(each)}" for each in key)
    return f"SELECT {_POSITIONS} FROM {name} r SEMI JOIN {quoted(KEYS)} k ON {same}"  # noqa: S608


class _Judge:
    """Judges and binds expressions over the columns of one view."""

    def __init__(
        self,
        cursor: Cursor,
        parser: Cursor,
        name: str,
        columns: frozenset[str],
        now: datetime,
        refuse: Refuse,
    ) -> None:
        self._cursor = cursor
        self._parser = parser
        self._rows = f"(SELECT * EXCLUDE ({_POSITIONS}) FROM {name}) AS {name}"  # noqa: S608
        self._columns = columns
        self._now = now
        self._refuse = refuse

    def value(self, column: str, text: str, columns: Columns) -> _NewValue:
        """The new value of a column. Raises RefusedError, which names the column."""
        place = next((each for each in columns if folded(each) == folded(column)), None)
        if place is None:
            detail = f"Binder Error: the dataset has no column {column}"
            raise RefusedError(Refused("sql_error", detail))
        expression, type_ = self.bound(text, f"set {place}: ")
        return _NewValue(place, expression, type_, columns[place])

    def bound(self, text: str, label: str) -> tuple[RowExpression, str]:
        """An expression and its type. It is bound as a condition too, which refuses aggregates and
        other functions of many rows."""
        expression = read_expression(self._parser, text, self._now, self._columns)
        if isinstance(expression, Refused):
            raise RefusedError(_labelled(expression, label))
        sql = expression.sql
        try:
            self._cursor.execute(f"SELECT 1 FROM {self._rows} WHERE (\n{sql}\n) IS NULL LIMIT 0")  # noqa: S608
            self._cursor.execute(f"SELECT (\n{sql}\n) FROM {self._rows} LIMIT 0")  # noqa: S608
        except duckdb.Error as error:
            refused = self._refuse(error)
            moved = msgspec.structs.replace(refused, detail=in_lines(refused.detail, 1))
            raise RefusedError(_labelled(moved, label)) from error
        return expression, str((self._cursor.description or [])[0][1])


def _labelled(refused: Refused, label: str) -> Refused:
    return msgspec.structs.replace(refused, detail=label + refused.detail)


def _found_rows(
    text: _Text, name: str, columns: Columns, where: RowExpression, values: list[_NewValue]
) -> None:
    """The positions of the rows; with new values also which column's does not fit, and its text."""
    if not values:
        text.add(f"SELECT {_POSITIONS} FROM {name} WHERE ")  # noqa: S608  names are quoted
        text.add_expression(where, "")
        return
    names = [quoted(f"\x01value{place}") for place in range(len(values))]
    misfits = [
        misfit_sql(called, each.type_, each.column_type)
        for each, called in zip(values, names, strict=True)
    ]
    places = " ".join(f"WHEN {misfit} THEN {place}" for place, misfit in enumerate(misfits))
    shown = " ".join(
        f"WHEN {misfit} THEN CAST({called} AS VARCHAR)[:{_SHOWN_CHARACTERS}]"
        for misfit, called in zip(misfits, names, strict=True)
    )
    text.add(f"SELECT {_POSITIONS}, CASE {places} END, CASE {shown} END FROM (")  # noqa: S608
    text.add(f"FROM (SELECT * FROM {name} WHERE ")  # noqa: S608
    text.add_expression(where, "")
    text.add(f") AS {name} SELECT {_POSITIONS}")
    for each, called in zip(values, names, strict=True):
        text.add(", ")
        text.add_expression(each.expression, each.label)
        text.add(f" AS {called}")
    text.add(")")


def _new_values(text: _Text, name: str, where: RowExpression, values: list[_NewValue]) -> None:
    """The new values of the rows that match, in the order of the rows."""
    text.add(f"FROM (SELECT * FROM {name} WHERE ")  # noqa: S608  names are quoted
    text.add_expression(where, "")
    text.add(f") AS {name} SELECT ")
    for place, value in enumerate(values):
        text.add(", " if place else "")
        before, after = cast_sql(value.type_, value.column_type)
        text.add(before)
        text.add_expression(value.expression, value.label)
        text.add(f"{after} AS {quoted(value.column)}")
    text.add(_NUMBERED)


def _changed_rows(
    text: _Text, name: str, columns: Columns, where: RowExpression, values: list[_NewValue]
) -> None:
    """All rows in order. A new value is computed inside CASE: of rows that match, and no others."""
    new = {each.column: each for each in values}
    text.add("FROM (SELECT *, ")
    text.add_expression(where, "")
    text.add(f" AS {_HIT} FROM {name}) AS {name} SELECT ")
    for place, column in enumerate(columns):
        text.add(", " if place else "")
        if (value := new.get(column)) is None:
            text.add(quoted(column))
            continue
        before, after = cast_sql(value.type_, value.column_type)
        text.add(f"CASE WHEN {_HIT} THEN {before}")
        text.add_expression(value.expression, value.label)
        text.add(f"{after} ELSE {quoted(column)} END AS {quoted(column)}")
    text.add(_NUMBERED)
