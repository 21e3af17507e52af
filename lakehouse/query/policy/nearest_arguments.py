"""The arguments of `lake.nearest`, read from its node. Pure.

All are constants, except the vector, which may be a parameter. Must never guess what an argument means.
"""

from typing import Any, get_args

import msgspec

from lakehouse.api.vectors import MOST_NUMBERS, MOST_ROWS, Metric
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.policy import syntax_tree
from lakehouse.query.policy.syntax_tree import Node

METRICS = get_args(Metric)
_POSITIONAL = ("dataset", "column", "vector", "k", "filter")
_NAMED = (*_POSITIONAL, "metric", "columns", "as_of")
_REQUIRED = _POSITIONAL[:4]
_LONGEST_NAME = 4_096
_LONGEST_MOMENT = 64
_VECTOR = "the vector is a list of numbers, such as [0.1, 0.2], or a parameter"


class Arguments(msgspec.Struct, frozen=True):
    """A call. `vector` is empty where `parameter` names one; `columns` None means all."""

    name: str
    column: str
    vector: tuple[float, ...]
    parameter: str | None
    k: int
    filter: str | None
    metric: str
    columns: tuple[str, ...] | None
    as_of: str | None


def read_arguments(function: Node) -> Arguments:
    """The arguments of a call. Raises RefusedError `sql_error`."""
    given = _by_name(function)
    if missing := [each for each in _REQUIRED if each not in given]:
        raise refused(f"{missing[0]} is missing; it takes ({', '.join(_POSITIONAL)})")
    vector = _uncast(given["vector"])
    parameter = vector["identifier"] if vector.get("class") == "PARAMETER" else None
    return Arguments(
        name=_name(given["dataset"]),
        column=_text(given["column"], "column"),
        vector=() if parameter is not None else _vector(vector),
        parameter=parameter,
        k=_k(given["k"]),
        filter=_text(given["filter"], "filter") if "filter" in given else None,
        metric=_metric(given["metric"]) if "metric" in given else METRICS[0],
        columns=_columns(given["columns"]) if "columns" in given else None,
        as_of=_moment(given["as_of"]) if "as_of" in given else None,
    )


def refused(detail: str) -> RefusedError:
    """A refusal of a call."""
    return RefusedError(Refused("sql_error", f"lake.nearest: {detail}"))


def _by_name(function: Node) -> dict[str, Node]:
    given: dict[str, Node] = {}
    for place, argument in enumerate(function["arguments"]):
        name = argument["name"].lower()
        if not name:
            if place >= len(_POSITIONAL):
                raise refused(f"more than {len(_POSITIONAL)} arguments without a name")
            name = _POSITIONAL[place]
        if name not in _NAMED or name in given:
            raise refused(f"{name!r} is no argument, or is given twice; it has {', '.join(_NAMED)}")
        given[name] = argument["expression"]
    return given


def _text(expression: Node, argument: str) -> str:
    found = syntax_tree.text(expression)
    if not found or len(found) > _LONGEST_NAME:
        raise refused(f"{argument} must be a constant text")
    return found


def _name(expression: Node) -> str:
    name = _text(expression, "dataset")
    if any(sign in name for sign in ".@!#"):
        raise refused(f"{name!r} is not the name of a dataset or view")
    return name


def _k(expression: Node) -> int:
    k = syntax_tree.integer(expression)
    if k is None or not 1 <= k <= MOST_ROWS:
        raise refused(f"k must be a constant number from 1 to {MOST_ROWS:,}")
    return k


def _metric(expression: Node) -> str:
    metric = _text(expression, "metric").lower()
    if metric not in METRICS:
        raise refused(f"metric must be one of {', '.join(METRICS)}")
    return metric


def _columns(expression: Node) -> tuple[str, ...]:
    found = tuple(_text(each, "each of columns") for each in _items(expression))
    if not found:
        raise refused("columns must be a list of names, such as ['id', 'title']")
    return found


def _moment(expression: Node) -> str:
    number, text = syntax_tree.integer(expression), syntax_tree.text(expression)
    moment = str(number) if number is not None else text
    if not moment or len(moment) > _LONGEST_MOMENT:
        raise refused("as_of must be a constant: an event's number, or a time")
    return moment


def _vector(expression: Node) -> tuple[float, ...]:
    items = _items(expression)
    if not 1 <= len(items) <= MOST_NUMBERS:
        raise refused(f"{_VECTOR}; it has 1 to {MOST_NUMBERS:,} numbers")
    return tuple(_number(each) for each in items)


def _items(expression: Node) -> list[Node]:
    expression = _uncast(expression)
    if expression.get("type") == "ARRAY_CONSTRUCTOR":
        items: list[Node] = expression["children"]
        return items
    if expression.get("class") == "FUNCTION" and syntax_tree.path(expression) == ["list_value"]:
        return syntax_tree.arguments(expression)
    return []


def _number(expression: Node) -> float:
    expression = _uncast(expression)
    literal: Any = expression.get("literal")
    if expression.get("class") != "CONSTANT" or literal["kind"] not in ("INTEGER", "NUMERIC"):
        raise refused(_VECTOR)
    return float(literal["text"])


def _uncast(expression: Node) -> Node:
    """Without casts: the numbers are doubles in any case."""
    while expression.get("class") == "CAST":
        expression = expression["child"]
    return expression
