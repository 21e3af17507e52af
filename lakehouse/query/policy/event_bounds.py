"""Bounds on the events of `lake.events` that a statement can see, from its syntax tree. Pure.

The bounds save reading only. Must never exclude an event that the statement's own WHERE would keep;
where that is not certain (a join, a subquery, a sample), the bounds include all events.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from lakehouse.query.policy.syntax_tree import Node, integer, text
from lakehouse.system.event_bounds import ALL_EVENTS, ALL_SEQS, ALL_TIMES, EventBounds
from lakehouse.system.view_table import EVENTS, SCHEMA

_VIEW = EVENTS.name
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_WRITTEN = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:\d\d)?)?)?", re.ASCII
)
_ZONED = {
    "TIMESTAMP": False,
    "DATETIME": False,
    "TIMESTAMPTZ": True,
    "TIMESTAMP WITH TIME ZONE": True,
}
"""The types of time to which a text may be cast, and whether they respect its zone."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIRRORED = {
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO",
    "COMPARE_EQUAL": "COMPARE_EQUAL",
}


class _Axis(msgspec.Struct, frozen=True):
    """A column with a range of values; `value` converts a constant, None where its meaning is not certain."""

    column: str
    all: range
    value: Callable[[Node], int | None]


def event_bounds(nodes: Sequence[Node]) -> EventBounds:
    """The closest bounds that include every event that a statement of these nodes can see."""
    named = sum(map(_is_events, nodes))
    if not named:
        return ALL_EVENTS
    plain = [node for node in nodes if node.get("type") == "SELECT_NODE" and _is_plain(node)]
    if len(plain) != named:
        return ALL_EVENTS
    return EventBounds(_covered(plain, _SEQ), _covered(plain, _AT), _only_dataset(plain))


def _covered(selects: list[Node], axis: _Axis) -> range:
    found = [_of_select(select, axis) for select in selects]
    if not found:
        return axis.all
    return range(min(each.start for each in found), max(each.stop for each in found))


def _only_dataset(selects: list[Node]) -> str | None:
    """The dataset whose events all of them select, if it is the same one."""
    names = {
        None if _renames(select, "dataset") else _dataset(select["where_clause"], _alias(select))
        for select in selects
    }
    return names.pop() if len(names) == 1 else None


def _is_events(node: Node) -> bool:
    return node.get("type") == "BASE_TABLE" and (
        node["schema_name"].lower(),
        node["table_name"].lower(),
    ) == (SCHEMA, _VIEW)


def _is_plain(select: Node) -> bool:
    """Whether it reads the events only, without a sample or an alias of columns."""
    source = select["from_table"]
    return _is_events(source) and not source.get("sample") and not source.get("column_name_alias")


def _renames(select: Node, column: str) -> bool:
    return any(each["alias"].lower() == column for each in select["select_list"])


def _alias(select: Node) -> str:
    alias: str = select["from_table"]["alias"] or _VIEW
    return alias.lower()


def _of_select(select: Node, axis: _Axis) -> range:
    renamed = _renames(select, axis.column)
    return axis.all if renamed else _of_where(select["where_clause"], _alias(select), axis)


def _of_where(condition: Node | None, alias: str, axis: _Axis) -> range:
    if condition is None:
        return axis.all
    if condition["type"] == "CONJUNCTION_AND":
        parts = [_of_where(child, alias, axis) for child in condition["children"]]
        return _within(max(each.start for each in parts), min(each.stop for each in parts), axis)
    if condition["class"] == "BETWEEN" and _is_column(condition["input"], alias, axis.column):
        low, high = axis.value(condition["lower"]), axis.value(condition["upper"])
        return axis.all if low is None or high is None else _within(low, high + 1, axis)
    return _of_comparison(condition, alias, axis) if condition["type"] in _MIRRORED else axis.all


def _of_comparison(condition: Node, alias: str, axis: _Axis) -> range:
    kind, left, right = condition["type"], condition["left"], condition["right"]
    if not _is_column(left, alias, axis.column):
        kind, left, right = _MIRRORED[kind], right, left
    value = axis.value(right)
    if value is None or not _is_column(left, alias, axis.column):
        return axis.all
    return {
        "COMPARE_GREATERTHAN": _within(value + 1, axis.all.stop, axis),
        "COMPARE_GREATERTHANOREQUALTO": _within(value, axis.all.stop, axis),
        "COMPARE_LESSTHAN": _within(0, value, axis),
        "COMPARE_LESSTHANOREQUALTO": _within(0, value + 1, axis),
        "COMPARE_EQUAL": _within(value, value + 1, axis),
    }[kind]


def _within(start: int, stop: int, axis: _Axis) -> range:
    low, high = max(start, 0), min(stop, axis.all.stop)
    return range(low, max(low, high))


def _dataset(condition: Node | None, alias: str) -> str | None:
    if condition is None:
        return None
    if condition["type"] == "CONJUNCTION_AND":
        found = (_dataset(child, alias) for child in condition["children"])
        return next((name for name in found if name is not None), None)
    if condition["type"] != "COMPARE_EQUAL":
        return None
    left, right = condition["left"], condition["right"]
    if not _is_column(left, alias, "dataset"):
        left, right = right, left
    name = text(right) if _is_column(left, alias, "dataset") else None
    return name if name is not None and _NAME.fullmatch(name) else None


def _is_column(expression: Node, alias: str, name: str) -> bool:
    if expression["class"] != "COLUMN_REF":
        return False
    *qualifier, column = (part.lower() for part in expression["column_names"])
    return column == name and qualifier in ([], [alias])


def _microseconds(expression: Node) -> int | None:
    """A constant time, also as a cast: since 1970, in UTC as queries run."""
    zoned = True
    if expression["class"] == "CAST":
        # A cast to a time without a zone drops the written zone.
        kind = _ZONED.get(expression["type_expr"]["type_name"].upper())
        if kind is None:
            return None
        zoned, expression = kind, expression["child"]
    written = text(expression)
    if written is None or not _WRITTEN.fullmatch(written):
        return None
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    if at.tzinfo and not zoned:
        return None
    # A time without a zone is in UTC, the session time zone.
    return (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)


_SEQ = _Axis("seq", ALL_SEQS, integer)
_AT = _Axis("at", ALL_TIMES, _microseconds)
