"""Which columns must be cast before Arrow carries them, or cannot be rows of a dataset. Pure.

Measured on DuckDB 2.0.1: INTERVAL wraps around beyond 292 years; VARIANT comes in its binary
encoding, GEOMETRY as WKB. HUGEINT, UHUGEINT, BIGNUM, BIT and TIMETZ are exact under
arrow_lossless_conversion, but in a form that DuckDB alone can read: good enough for JSON, which we
write, not for others (`formats.py`).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from lakehouse.domain.errors import Refused
from lakehouse.query.render.formats import NOT_IN_DATASETS
from lakehouse.query.wire.messages import Column
from projections.view_sql.datasets import quoted

_NESTED = frozenset({"list", "array", "map", "tuple", "struct", "union"})


def exact_sql(sql: str, types: Sequence[Any], as_text: frozenset[str]) -> str | None:
    """Return a statement like `sql` without columns `as_text`, or None when `sql` is one.

    `sql` has no semicolon at its end. `types` are the DuckDBPyTypes of its columns, `as_text` a
    format's. Columns are taken by position, so that two of the same name stay two.
    """
    casts = [_cast(kind, as_text) for kind in types]
    if not any(casts):
        return None
    columns = ", ".join(
        f"CAST(c{number} AS {cast})" if cast else f"c{number}" for number, cast in enumerate(casts)
    )
    names = ", ".join(f"c{number}" for number in range(len(types)))
    return f"SELECT {columns} FROM (\n{sql}\n) AS result({names})"  # noqa: S608 (judged text)


def are_exact(types: Sequence[Any], as_text: frozenset[str]) -> bool:
    """Whether a statement with columns of these types needs no cast."""
    return not any(_cast(kind, as_text) for kind in types)


def dataset_type_fault(columns: Sequence[Column], types: Sequence[Any]) -> Refused | None:
    """The refusal of a result with a column of a type that no dataset can have; None if there is none."""
    for column, kind in zip(columns, types, strict=True):
        if not NOT_IN_DATASETS.isdisjoint(_ids(kind)):
            detail = f"column {column.name} has the type {column.type}, which no dataset can have"
            return Refused("invalid_column", detail)
    return None


def _ids(kind: Any) -> Iterator[str]:
    """The id of a type and those of all its parts."""
    yield kind.id
    if kind.id in _NESTED:
        for _, child in kind.children:
            if not isinstance(child, int):
                yield from _ids(child)


def _cast(kind: Any, as_text: frozenset[str]) -> str | None:
    """The type to cast to, or None when `kind` is exact as it is."""
    if kind.id not in _NESTED:
        return "VARCHAR" if kind.id in as_text else None
    replaced = _replaced(kind, as_text)
    return None if replaced == str(kind) else replaced


def _replaced(kind: Any, as_text: frozenset[str]) -> str:
    match kind.id:
        case name if name in as_text:
            return "VARCHAR"
        case "list":
            return f"{_replaced(kind.children[0][1], as_text)}[]"
        case "array":
            return f"{_replaced(kind.children[0][1], as_text)}[{kind.children[1][1]}]"
        case "map":
            key, value = (child for _, child in kind.children)
            return f"MAP({_replaced(key, as_text)}, {_replaced(value, as_text)})"
        case "tuple":
            return f"TUPLE({', '.join(_replaced(child, as_text) for _, child in kind.children)})"
        case "struct" | "union":
            return _members(kind, as_text)
    return str(kind)


def _members(kind: Any, as_text: frozenset[str]) -> str:
    # A union's first child is its tag. Quoting every name is right, but then the text differs
    # from DuckDB's own, so a type in which nothing was replaced must be returned as it came.
    children = kind.children[1:] if kind.id == "union" else kind.children
    if all(_replaced(child, as_text) == str(child) for _, child in children):
        return str(kind)
    parts = ", ".join(
        f"{quoted(name)} {_replaced(child, as_text)}".strip() for name, child in children
    )
    return f"{kind.id.upper()}({parts})"
