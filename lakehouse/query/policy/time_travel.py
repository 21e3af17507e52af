"""Relations as they were: `name AT (VERSION => 5)` and `lake.at('name', 5)` in a syntax tree. Pure.

DuckDB parses the first but cannot run it on our catalog, and does not know the second. Both become
plain relations of another name (`relations.at`), which the lake resolves. The guard judges the
result like any other tree.
"""

from collections.abc import Iterable
from typing import Any

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.policy import syntax_tree
from lakehouse.query.policy.syntax_tree import Node
from lakehouse.query.relations import at
from lakehouse.system.view_table import SCHEMA, SYSTEM_VIEWS

_FUNCTION = "at"
_LONGEST_MOMENT = 64
"""Characters. A moment becomes part of names, which several processes keep."""


def has_moment(nodes: Iterable[Node]) -> bool:
    """Whether a tree of these nodes contains a point in time."""
    return any(_has_moment(node) for node in nodes)


def travelled(document: Node) -> Node | Refused | None:
    """Return the tree without its moments, None when it has none.

    Returns Refused `sql_error` for a moment that is no constant number or text.
    """
    try:
        rewritten, changed = _walk(document)
    except RefusedError as error:
        return error.refused
    except RecursionError:
        return None  # the guard says so, in its words
    return rewritten if changed else None


def _walk(value: Any) -> tuple[Any, bool]:
    if isinstance(value, list):
        items = [_walk(item) for item in value]
        return [item for item, _ in items], any(changed for _, changed in items)
    if not isinstance(value, dict):
        return value, False
    moved = _moved(value)
    parts = {key: _walk(part) for key, part in (moved or value).items()}
    changed = any(changed for _, changed in parts.values())
    return {key: part for key, (part, _) in parts.items()}, changed or moved is not None


def _moved(node: Node) -> Node | None:
    """The relation that replaces `node`, None where nothing is to be replaced."""
    if not _has_moment(node):
        return None
    if node["type"] == "BASE_TABLE":
        name = at(node["table_name"], _moment(node["at_clause"]["expr"]))
        alias = node["alias"] or node["table_name"]
        named = {
            "table_name": name,
            "qualified_name": {"path": [*syntax_tree.path(node)[:-1], name]},
        }
        return node | named | {"alias": alias, "at_clause": None}
    return _relation(node)


def _has_moment(node: Node) -> bool:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        return bool(node.get("at_clause"))
    return kind == "TABLE_FUNCTION" and _is_ours(node["function"])


def _is_ours(function: Node) -> bool:
    name, schema = function.get("function_name", ""), function.get("schema", "")
    return (schema.lower(), name.lower()) == (SCHEMA, _FUNCTION) and not function.get("catalog")


def _relation(node: Node) -> Node:
    arguments = syntax_tree.arguments(node["function"])
    if len(arguments) != 2:
        raise RefusedError(_not_a_moment())
    name = syntax_tree.text(arguments[0])
    if name is None:
        raise RefusedError(_not_a_moment())
    schema, _, inner = name.rpartition(".")
    if schema and (schema.lower() != SCHEMA or inner.lower() not in SYSTEM_VIEWS):
        raise RefusedError(Refused("sql_error", f"Catalog Error: there is no {name!r}"))
    table = at(inner, _moment(arguments[1]))
    return {
        "type": "BASE_TABLE",
        "alias": node["alias"] or inner,
        "sample": node["sample"],
        "query_location": node["query_location"],
        "schema_name": schema,
        "table_name": table,
        "qualified_name": {"path": [schema, table] if schema else [table]},
        "column_name_alias": node["column_name_alias"],
        "catalog_name": "",
        "at_clause": None,
    }


def _moment(expression: Node) -> str:
    """The text of a point in time. Accepts casts of constants, such as TIMESTAMPTZ '…'."""
    while expression.get("class") == "CAST":
        expression = expression["child"]
    number, text = syntax_tree.integer(expression), syntax_tree.text(expression)
    moment = str(number) if text is None else text
    if (number is None and text is None) or len(moment) > _LONGEST_MOMENT:
        raise RefusedError(_not_a_moment())
    return moment


def _not_a_moment() -> Refused:
    detail = (
        "AT (VERSION => …), AT (TIMESTAMP => …) and lake.at('name', …) take a constant: an event's"
    )
    return Refused("sql_error", f"{detail} number, or a time like '2026-11-21T02:10:33Z'")
