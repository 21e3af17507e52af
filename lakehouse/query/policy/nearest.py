"""Nearest rows: `lake.nearest('docs', 'embedding', [0.1, 0.2], 10)` in a syntax tree.

Each call becomes a subquery over the plain relation, which the guard judges like any other. Must never
put a text of the caller into SQL but as a quoted name, a constant, or a filter that is one expression.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from journal.column_names import folded
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.policy.expression_shape import is_one_expression, problems
from lakehouse.query.policy.nearest_arguments import Arguments, read_arguments, refused
from lakehouse.query.policy.syntax_tree import Node, every_node
from lakehouse.query.relations import at
from lakehouse.system.view_table import SCHEMA
from projections.view_sql.datasets import quoted

Parse = Callable[[str], Node]
"""The tree of a text."""

_FUNCTION = "nearest"
_ROW, _VECTOR, _DISTANCE = map(quoted, ("\x01row", "\x01vector", "\x01distance"))
"""Names that no ingested column has."""
_METRICS = {
    "cosine": "list_cosine_distance",
    "l2": "list_distance",
    "ip": "list_negative_inner_product",
}


class Search(msgspec.Struct, frozen=True):
    """One call: the column is compared with a vector. `relation` is the name that the guard allows.

    `parameter` is the name or number of the parameter that holds the vector, if one does.
    """

    relation: str
    column: str
    columns: tuple[str, ...]
    metric: str
    parameter: str | None


def has_search(nodes: Iterable[Node]) -> bool:
    """Whether a tree of these nodes has a call of `lake.nearest`."""
    return any(_is_call(node) for node in nodes)


def with_searches(document: Node, parse: Parse) -> tuple[Search, ...] | Refused:
    """Put a subquery in the place of each call, in the tree itself; the calls.

    Returns Refused `sql_error` for arguments that are none, and for a filter that is no condition.
    """
    try:
        return tuple(_replace(node, parse) for node in every_node(document) if _is_call(node))
    except RefusedError as error:
        return error.refused


def vector_fault(vector: Sequence[float | None] | None, metric: str) -> str | None:
    """Why nothing can be compared with this vector, or None."""
    if not vector or any(each is None or not math.isfinite(each) for each in vector):
        return "the vector must be a list of finite numbers"
    if metric == "cosine" and not any(vector):
        return "a vector of zeros has no direction: use metric l2 or ip"
    return None


def _is_call(node: Node) -> bool:
    if node.get("type") != "TABLE_FUNCTION":
        return False
    function = node["function"]
    name, schema = function.get("function_name", ""), function.get("schema", "")
    return (schema.lower(), name.lower()) == (SCHEMA, _FUNCTION) and not function.get("catalog")


def _replace(node: Node, parse: Parse) -> Search:
    if node["with_ordinality"] != "WITHOUT_ORDINALITY":
        raise refused("WITH ORDINALITY is not possible: use row_number()")
    given = read_arguments(node["function"])
    if fault := given.vector and vector_fault(given.vector, given.metric):
        raise refused(fault)
    if given.filter is not None:
        _check_filter(given.filter, parse)
    document = parse(f"FROM ({_select(given)}) AS {quoted(node['alias'] or given.name)}")
    if document["error"]:
        raise refused(document["error_message"])
    subquery: Node = document["statements"][0]["node"]["from_table"]
    subquery |= {each: node[each] for each in ("sample", "column_name_alias", "query_location")}
    node.clear()
    node.update(subquery)
    relation, columns = folded(_relation(given)), given.columns or ()
    return Search(relation, given.column, columns, given.metric, given.parameter)


def _relation(given: Arguments) -> str:
    return given.name if given.as_of is None else at(given.name, given.as_of)


def _check_filter(text: str, parse: Parse) -> None:
    """Raises RefusedError for what is not one expression over the dataset's columns."""
    sql = f"SELECT (\n{text}\n)"
    document = parse(sql)
    if document["error"]:
        raise refused(f"filter: {document['error_message']}")
    if not text.strip() or not is_one_expression(document, sql):
        raise refused("filter must be one expression over the dataset's columns")
    for problem, _ in problems(every_node(document), frozenset()):
        raise refused(f"filter: {problem}")


def _select(given: Arguments) -> str:
    """The rows with a distance, nearest first; equal ones in the order of the rows.

    The rows are numbered as they are read, after the filter: so each object's statistics can skip it.
    """
    column = f"{quoted(given.name)}.{quoted(given.column)}"
    shown = (
        ", ".join(map(quoted, given.columns or ())) or f"* EXCLUDE ({_ROW}, {_VECTOR}, {_DISTANCE})"
    )
    rows = (
        f"SELECT *, row_number() OVER () - 1 AS {_ROW}, CAST({column} AS DOUBLE[]) AS {_VECTOR}"  # noqa: S608  quoted
        f" FROM {_source(given)}"
    )
    measured = f"SELECT *, {_distance(given)} AS {_DISTANCE} FROM ({rows})"  # noqa: S608  quoted
    return (
        f"SELECT {shown}, {_DISTANCE} AS distance FROM ({measured})"  # noqa: S608  quoted
        f" WHERE NOT isnan({_DISTANCE}) ORDER BY {_DISTANCE}, {_ROW} LIMIT {given.k}"
    )


def _source(given: Arguments) -> str:
    """The rows of the dataset that match the filter. In `main` there is no CTE."""
    source = f"main.{quoted(_relation(given))} AS {quoted(given.name)}"
    return source if given.filter is None else f"{source} WHERE (\n{given.filter}\n)"


def _distance(given: Arguments) -> str:
    """The distance of one row: null without a vector; an error that names the row where it does not fit.

    The list is copied by list_resize: DuckDB 2.0.1 refuses a list beside which another row's is null.
    """
    asked = f"CAST({_asked(given)} AS DOUBLE[])"
    among = " of those that match the filter" if given.filter is not None else ""
    has = _literal(f"{among} of {given.name} has ")
    numbers = _literal(f" numbers in {given.column}; the vector has ")
    message = f"'row ' || {_ROW} || {has} || list_count({_VECTOR}) || {numbers} || len({asked})"
    fits = f"list_count({_VECTOR}) = len({asked}) AND len({_VECTOR}) = len({asked})"
    distance = f"{_METRICS[given.metric]}(list_resize({_VECTOR}, len({asked})), {asked})"
    found = f"CASE WHEN {fits} THEN {distance} ELSE error({message}) END"
    return f"CASE WHEN {_VECTOR} IS NOT NULL THEN {found} END"


def _asked(given: Arguments) -> str:
    if given.parameter is not None:
        return f"${given.parameter}"
    return _literal(f"[{', '.join(map(repr, given.vector))}]")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
