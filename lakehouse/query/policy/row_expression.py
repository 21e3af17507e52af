"""Judges an expression over the columns of one dataset: a condition, or a column's new value.

The rules of statements hold, and further ones: one expression, no subqueries but those that DuckDB's
parser makes of ANY(list), nothing that uses random numbers. Functions of the clock become constants: one
time holds for all rows. Must never run anything.
"""

from datetime import datetime

import duckdb
import msgspec

from journal.column_names import folded
from lakehouse.domain.errors import Refused
from lakehouse.query.policy.expression_shape import (
    TIMES,
    clock_function,
    is_one_expression,
    problems,
)
from lakehouse.query.policy.statement import located, read_statement, tree
from lakehouse.query.policy.syntax_tree import Node, every_node

_BEFORE = "SELECT (\n"
"""What stands in front of an expression when it is parsed: a line of its own, so that DuckDB's lines
are the expression's but for one."""


class RowExpression(msgspec.Struct, frozen=True):
    """An expression that may run: `sql` with the clock's functions as constants, if it has any."""

    sql: str
    reads_clock: bool


def read_expression(
    parser: duckdb.DuckDBPyConnection, text: str, now: datetime, columns: frozenset[str]
) -> RowExpression | Refused:
    """The expression, or why it may not run. `columns` are the dataset's, in lower case.

    A refusal points into `text` where it concerns a part of it.
    """
    if not text.strip():
        return Refused("sql_error", "the expression is empty")
    sql = f"{_BEFORE}{text}\n)"
    statement = read_statement(parser, sql)
    if isinstance(statement, Refused):
        return msgspec.structs.replace(statement, detail=_in_text(statement.detail, text))
    document = tree(parser, sql)
    if statement.rewritten or not is_one_expression(document, sql):
        return Refused("sql_error", "it must be one expression over the dataset's columns")
    nodes = every_node(document)
    for problem, node in problems(nodes, columns):
        where = located(text, node["query_location"] - len(_BEFORE))
        return Refused("sql_error", f"{problem}\n\n{where}")
    clock = [node for node in nodes if clock_function(node, columns) in TIMES]
    return RowExpression(_fixed(text, clock, now), bool(clock))


def line_of(detail: str) -> int | None:
    """The line that an error's text points into, from 1; None where it points nowhere."""
    number = detail.partition("\n\nLINE ")[2].partition(":")[0]
    return int(number) if number.isdigit() else None


def in_lines(detail: str, before: int) -> str:
    """An error's text with the lines of the user's expression, which has `before` lines in front."""
    head, mark, rest = detail.partition("\n\nLINE ")
    number, colon, line = rest.partition(":")
    if not mark or not number.isdigit():
        return detail
    first, _, caret = line.partition("\n")
    shown = str(int(number) - before)
    moved = caret[len(number) - len(shown) :]
    return f"{head}{mark}{shown}{colon}{first}\n{moved}" if int(shown) > 0 else head


def _in_text(detail: str, text: str) -> str:
    """A parser's error, with its place in `text`; the end of it where the parser went beyond."""
    moved = in_lines(detail, 1)
    if (line_of(moved) or 0) <= text.count("\n") + 1:
        return moved
    where = located(text, len(text.encode()))
    return f"Parser Error: syntax error at the end of the expression\n\n{where}"


def _fixed(text: str, clock: list[Node], now: datetime) -> str:
    """`text` with a constant in the place of each of these nodes."""
    data = text.encode()
    for node in sorted(clock, key=lambda each: -int(each["query_location"])):
        names = node.get("column_names") or [node["function_name"]]
        pattern, type_ = TIMES[folded(names[0])]
        start = node["query_location"] - len(_BEFORE)
        value = f"CAST('{now.strftime(pattern)}' AS {type_})".encode()
        data = data[:start] + value + data[start + node["query_location_length"] :]
    return data.decode()
