"""Finds rows by a user's condition, and computes new values from them: the SQL for it, bound and judged.

Owns how an error's line is the line of the user's own text. Must never run an expression that
`row_expression` has not judged.
"""

from collections.abc import Callable
from datetime import datetime

import duckdb
import msgspec

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.messages import RowSearch
from lakehouse.query.policy.row_expression import RowExpression, in_lines, read_expression
from lakehouse.query.worker.defined_views import columns_of
from projections.views import OBJECT_COLUMN, ROW_COLUMN, View, quoted

Cursor = duckdb.DuckDBPyConnection
Refuse = Callable[[BaseException], Refused]
"""From an exception of DuckDB the refusal that it amounts to."""
_POSITIONS = f"{quoted(OBJECT_COLUMN)}, {quoted(ROW_COLUMN)}"
_BOOLEAN = ("BOOLEAN", '"NULL"', "NULL")


class RowPlan(msgspec.Struct, frozen=True):
    """The statement that finds rows; the user's condition begins on its second line."""

    sql: str
    reads_clock: bool

    def relocated(self, refused: Refused) -> Refused:
        """A failure of the statement, with the lines of the user's condition."""
        return msgspec.structs.replace(refused, detail=in_lines(refused.detail, 1))


def planned(
    cursor: Cursor, parser: Cursor, view: View, search: RowSearch, refuse: Refuse
) -> RowPlan:
    """How the rows are found. Raises RefusedError `sql_error`, `statement_not_allowed`."""
    name, now = quoted(view.name), datetime.fromisoformat(search.now)
    known = frozenset(each.name.lower() for each in columns_of(cursor, name))
    where = _judged(read_expression(parser, search.where, now, known))
    type_ = _bound(cursor, name, where, refuse)
    if type_ not in _BOOLEAN:
        detail = f"where must be a boolean expression; its type is {type_}"
        raise RefusedError(Refused("sql_error", detail))
    found = f"SELECT {_POSITIONS} FROM {name}"  # noqa: S608  names are quoted
    return RowPlan(f"{found} WHERE (\n{where.sql}\n)", where.reads_clock)


def _judged(expression: RowExpression | Refused) -> RowExpression:
    if isinstance(expression, Refused):
        raise RefusedError(expression)
    return expression


def _bound(cursor: Cursor, name: str, expression: RowExpression, refuse: Refuse) -> str:
    """The type of an expression, by DuckDB's name. Raises RefusedError for one that cannot be bound.

    It is bound as a condition too, which refuses aggregates and other functions of many rows.
    """
    rows = f"(SELECT * EXCLUDE ({_POSITIONS}) FROM {name}) AS {name}"  # noqa: S608  names are quoted
    try:
        cursor.execute(f"SELECT 1 FROM {rows} WHERE (\n{expression.sql}\n) IS NULL LIMIT 0")  # noqa: S608
        cursor.execute(f"SELECT (\n{expression.sql}\n) FROM {rows} LIMIT 0")  # noqa: S608
    except duckdb.Error as error:
        refused = refuse(error)
        detail = in_lines(refused.detail, 1)
        raise RefusedError(msgspec.structs.replace(refused, detail=detail)) from error
    return str((cursor.description or [])[0][1])
