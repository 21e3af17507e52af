"""Judges an expression over the columns of one dataset: a condition, or a column's new value.

The rules of statements hold, and further ones: one expression, no subqueries but those that DuckDB's
parser makes of ANY(list), nothing that uses random numbers. Functions of the clock become constants: one
time holds for all rows. Must never run anything.
"""

from collections.abc import Iterator
from datetime import datetime

import duckdb
import msgspec

from journal.column_names import folded
from lakehouse.domain.errors import Refused
from lakehouse.query.policy import functions
from lakehouse.query.policy.statement import located, read_statement, tree
from lakehouse.query.policy.syntax_tree import Node, arguments, every_node, path

_BEFORE = "SELECT (\n"
"""What stands in front of an expression when it is parsed: a line of its own, so that DuckDB's lines
are the expression's but for one."""
_TIMES = {
    **dict.fromkeys(
        ("now", "current_timestamp", "get_current_timestamp", "transaction_timestamp"),
        ("%Y-%m-%d %H:%M:%S.%f+00", "TIMESTAMPTZ"),
    ),
    **dict.fromkeys(("current_date", "today"), ("%Y-%m-%d", "DATE")),
    **dict.fromkeys(("current_time", "get_current_time"), ("%H:%M:%S.%f+00", "TIMETZ")),
    **dict.fromkeys(("localtime", "current_localtime"), ("%H:%M:%S.%f", "TIME")),
    **dict.fromkeys(
        ("localtimestamp", "current_localtimestamp"), ("%Y-%m-%d %H:%M:%S.%f", "TIMESTAMP")
    ),
}
"""Functions of the clock: how their value is written, and its type. The zone is always UTC."""
_KINDS = {
    "SUBQUERY": "a subquery",
    "PARAMETER": "a parameter",
    "STAR": "a star or COLUMNS()",
    "POSITIONAL_REFERENCE": "a positional reference",
    "WINDOW": "a window function",
}
_OTHER_PARTS = ("where_clause", "having", "qualify", "sample", "group_expressions", "modifiers")


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
    if statement.travels or not is_one_expression(document, sql):
        return Refused("sql_error", "it must be one expression over the dataset's columns")
    nodes = every_node(document)
    for problem, node in _problems(nodes, columns):
        where = located(text, node["query_location"] - len(_BEFORE))
        return Refused("sql_error", f"{problem}\n\n{where}")
    clock = [node for node in nodes if _clock_function(node, columns) in _TIMES]
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


def is_one_expression(document: Node, sql: str) -> bool:
    """Whether the parentheses around the text are one pair, and nothing else was parsed."""
    node = document["statements"][0]["node"]
    if node["type"] != "SELECT_NODE" or len(node["select_list"]) != 1:
        return False
    if node["from_table"]["type"] != "EMPTY" or any(node[part] for part in _OTHER_PARTS):
        return False
    return not node["select_list"][0]["alias"] and _closes_at_the_end(sql)


def compares_with_list(node: Node) -> bool:
    """Whether a node is `a = ANY(list)`, which DuckDB parses to `a = ANY(SELECT unnest(list))`.

    `a <> ALL(list)` is NOT of such a node.
    """
    if node.get("class") != "SUBQUERY" or node["subquery_type"] != "ANY":
        return False
    inner = node["subquery"]["node"]
    if inner["type"] != "SELECT_NODE" or inner["cte_map"]["map"] or len(inner["select_list"]) != 1:
        return False
    if inner["from_table"]["type"] != "EMPTY" or any(inner[part] for part in _OTHER_PARTS):
        return False
    (call,) = inner["select_list"]
    is_unnest = call.get("class") == "FUNCTION" and path(call) == ["unnest"]
    return is_unnest and len(arguments(call)) == 1


def _closes_at_the_end(sql: str) -> bool:
    data, depth = sql.encode(), 0
    ends: list[int] = []
    for start, kind in duckdb.tokenize(sql):
        sign = data[start : start + 1]
        if kind != duckdb.token_type.operator or sign not in b"()":
            continue
        depth += 1 if sign == b"(" else -1
        if depth == 0:
            ends.append(start)
    return ends == [len(data) - 1]


def _problems(nodes: list[Node], columns: frozenset[str]) -> Iterator[tuple[str, Node]]:
    """Each part that an expression may not have, with the words for it."""
    for node in nodes:
        kind = _KINDS.get(node.get("class", ""))
        if kind is not None and not compares_with_list(node):
            yield f"{kind} is not allowed in an expression over rows", node
        name = _clock_function(node, columns)
        if name in ("age", "ago") and len(arguments(node)) == 1:
            yield f"{name}() of one argument uses the current time: write now() instead", node
        elif name in functions.VOLATILE and name not in _TIMES and name not in ("age", "ago"):
            yield f"{name}() is random: it cannot choose or change rows", node


def is_volatile(node: Node, columns: frozenset[str]) -> bool:
    """Whether a node calls a function of random numbers or of the current time.

    A column called `current_date` is none.
    """
    return _clock_function(node, columns) in functions.VOLATILE


def _clock_function(node: Node, columns: frozenset[str]) -> str:
    """The name of the function that a node calls, with or without parentheses; "" for other nodes."""
    if node.get("class") == "FUNCTION":
        return folded(node["function_name"])
    if node.get("class") != "COLUMN_REF" or len(node["column_names"]) != 1:
        return ""
    name = folded(node["column_names"][0])
    return name if name in functions.WITHOUT_PARENTHESES and name not in columns else ""


def _fixed(text: str, clock: list[Node], now: datetime) -> str:
    """`text` with a constant in the place of each of these nodes."""
    data = text.encode()
    for node in sorted(clock, key=lambda each: -int(each["query_location"])):
        names = node.get("column_names") or [node["function_name"]]
        pattern, type_ = _TIMES[folded(names[0])]
        start = node["query_location"] - len(_BEFORE)
        value = f"CAST('{now.strftime(pattern)}' AS {type_})".encode()
        data = data[:start] + value + data[start + node["query_location_length"] :]
    return data.decode()
