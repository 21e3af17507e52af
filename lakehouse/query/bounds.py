"""Which events a statement can see of `lake.events`, from its syntax tree. Pure.

Only a hint: what it leaves out, the statement's own WHERE would have thrown away. So where it is not
sure (a join, a subquery, a sample), it says all of them.
"""

from collections.abc import Iterator
from typing import Any

from lakehouse.query.relations import ALL_SEQS as ALL
from lakehouse.query.relations import SCHEMA

Node = dict[str, Any]

_VIEW, _COLUMN = "events", "seq"
_MIRRORED = {
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO",
    "COMPARE_EQUAL": "COMPARE_EQUAL",
}


def events_seen(document: Node) -> range:
    """The smallest range of seqs that holds every event which the statement may see."""
    nodes = list(_nodes(document))
    named = sum(_is_events(node) for node in nodes)
    found = [
        _of_where(node["where_clause"], node["from_table"]["alias"] or _VIEW)
        for node in nodes
        if node.get("type") == "SELECT_NODE" and _is_plain(node)
    ]
    if len(found) != named or not found:
        return ALL
    return range(min(each.start for each in found), max(each.stop for each in found))


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _nodes(part)


def _is_events(node: Node) -> bool:
    return node.get("type") == "BASE_TABLE" and (
        node["schema_name"].lower(),
        node["table_name"].lower(),
    ) == (SCHEMA, _VIEW)


def _is_plain(select: Node) -> bool:
    """Whether it reads the events alone, all of them, and means their column by its name."""
    source = select["from_table"]
    renamed = any(each["alias"].lower() == _COLUMN for each in select["select_list"])
    altered = source.get("sample") or source.get("column_name_alias") or renamed
    return _is_events(source) and not altered


def _of_where(condition: Node | None, alias: str) -> range:
    if condition is None:
        return ALL
    if condition["type"] == "CONJUNCTION_AND":
        parts = [_of_where(child, alias) for child in condition["children"]]
        return _within(max(each.start for each in parts), min(each.stop for each in parts))
    if condition["class"] == "BETWEEN" and _is_seq(condition["input"], alias):
        low, high = _number(condition["lower"]), _number(condition["upper"])
        return ALL if low is None or high is None else _within(low, high + 1)
    return _of_comparison(condition, alias) if condition["type"] in _MIRRORED else ALL


def _of_comparison(condition: Node, alias: str) -> range:
    kind, left, right = condition["type"], condition["left"], condition["right"]
    if not _is_seq(left, alias):
        kind, left, right = _MIRRORED[kind], right, left
    number = _number(right)
    if number is None or not _is_seq(left, alias):
        return ALL
    return {
        "COMPARE_GREATERTHAN": _within(number + 1, ALL.stop),
        "COMPARE_GREATERTHANOREQUALTO": _within(number, ALL.stop),
        "COMPARE_LESSTHAN": _within(0, number),
        "COMPARE_LESSTHANOREQUALTO": _within(0, number + 1),
        "COMPARE_EQUAL": _within(number, number + 1),
    }[kind]


def _within(start: int, stop: int) -> range:
    low, high = max(start, 0), min(stop, ALL.stop)
    return range(low, max(low, high))


def _is_seq(expression: Node, alias: str) -> bool:
    if expression["class"] != "COLUMN_REF":
        return False
    *qualifier, column = (name.lower() for name in expression["column_names"])
    return column == _COLUMN and qualifier in ([], [alias.lower()])


def _number(expression: Node) -> int | None:
    if expression["class"] != "CONSTANT" or expression["value"]["is_null"]:
        return None
    value = expression["value"]["value"]
    return value if type(value) is int and expression["value"]["type"]["id"] != "DECIMAL" else None
