"""What one expression over rows may consist of, from its syntax tree and its text.

Owns the rules that hold beyond those of statements: one expression, no subqueries but those that DuckDB's
parser makes of ANY(list), no random numbers. Must never run anything.
"""

from collections.abc import Iterator

import duckdb

from journal.column_names import folded
from lakehouse.query.policy import functions
from lakehouse.query.policy.syntax_tree import Node, arguments, path

TIMES = {
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


def problems(nodes: list[Node], columns: frozenset[str]) -> Iterator[tuple[str, Node]]:
    """Each part that an expression may not have, with the words for it."""
    for node in nodes:
        kind = _KINDS.get(node.get("class", ""))
        if kind is not None and not compares_with_list(node):
            yield f"{kind} is not allowed in an expression over rows", node
        name = clock_function(node, columns)
        if name in ("age", "ago") and len(arguments(node)) == 1:
            yield f"{name}() of one argument uses the current time: write now() instead", node
        elif name in functions.VOLATILE and name not in TIMES and name not in ("age", "ago"):
            yield f"{name}() is random: it cannot choose or change rows", node


def is_volatile(node: Node, columns: frozenset[str]) -> bool:
    """Whether a node calls a function of random numbers or of the current time.

    A column called `current_date` is none.
    """
    return clock_function(node, columns) in functions.VOLATILE


def clock_function(node: Node, columns: frozenset[str]) -> str:
    """The name of the function that a node calls, with or without parentheses; "" for other nodes."""
    if node.get("class") == "FUNCTION":
        return folded(node["function_name"])
    if node.get("class") != "COLUMN_REF" or len(node["column_names"]) != 1:
        return ""
    name = folded(node["column_names"][0])
    return name if name in functions.WITHOUT_PARENTHESES and name not in columns else ""
