"""A statement's syntax tree, as json_serialize_sql writes it. Pure.

Owns the shapes that DuckDB gives to names and constants. It judges nothing.
"""

import re
from typing import Any, TypeAlias

Node: TypeAlias = dict[str, Any]

INNER = (dict, list)
"""The types with parts. Numbers, texts and nulls, which are most of a tree, are skipped."""
_WHOLE = re.compile(r"-?[0-9]{1,39}")


def every_node(document: Node) -> list[Node]:
    """The nodes of the tree, each before its parts, otherwise in no particular order.

    Without recursion: a tree may be deeper than Python's stack.
    """
    found: list[Node] = []
    left: list[Any] = [document]
    while left:
        value = left.pop()
        if type(value) is dict:
            found.append(value)
            left.extend([part for part in value.values() if type(part) in INNER])
        else:
            left.extend([part for part in value if type(part) in INNER])
    return found


def path(node: Node) -> list[str]:
    """The parts of a name as they were written, catalog and schema first; what DuckDB binds."""
    parts: list[str] = node["qualified_name"]["path"]
    return parts


def arguments(function: Node) -> list[Node]:
    """The expressions that a function is called with."""
    return [argument["expression"] for argument in function["arguments"]]


def integer(expression: Node) -> int | None:
    """The value of a constant integer; None for any other expression."""
    literal = _literal(expression, "INTEGER")
    return int(literal) if literal is not None and _WHOLE.fullmatch(literal) else None


def text(expression: Node) -> str | None:
    """The value of a constant text; None for any other expression."""
    return _literal(expression, "STRING")


def _literal(expression: Node, kind: str) -> str | None:
    if expression.get("class") != "CONSTANT" or expression["literal"]["kind"] != kind:
        return None
    value: str = expression["literal"]["text"]
    return value
