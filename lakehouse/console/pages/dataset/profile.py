"""The profile of columns by two statements: counts and ranges, then a histogram or the commonest values.

Owns what is computed for which type. Must never read rows itself: the guarded query use case does.
"""

import re
from typing import Any

import msgspec

from lakehouse.api.sql import ResultColumn
from lakehouse.console.queries import quoted, rows_of
from lakehouse.console.visit import Visit
from lakehouse.service.service import Service

BUCKETS = 24
COMMONEST = 5
_TEXT_CHARACTERS = 60
_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)")
_TIME = re.compile(r"DATE|TIMESTAMP.*")
_TEXT = re.compile(r"VARCHAR|BOOLEAN|UUID|TIME|ENUM\(.*\)")


class Bar(msgspec.Struct, frozen=True):
    """One bar of a chart: how tall against the tallest, and what it stands for."""

    share: float
    count: int
    label: str


class Profile(msgspec.Struct, frozen=True):
    """The values of one column. `distinct` is an estimate; `bars` are a histogram in the order
    of the values, or with `is_ranked` the commonest values."""

    rows: int
    nulls: int
    distinct: int | None
    least: str | None
    greatest: str | None
    bars: tuple[Bar, ...]
    is_ranked: bool


class _Measured(msgspec.Struct, frozen=True):
    """A column after the first statement; `low` and `high` are None where there is no histogram."""

    name: str
    kind: str
    count: int
    distinct: int | None
    least: str | None
    greatest: str | None
    low: float | None
    high: float | None


async def profiles(
    service: Service, visit: Visit, dataset: str, columns: list[ResultColumn]
) -> list[Profile]:
    """The profile of each column. Raises RefusedError as `rows_of` does."""
    if not columns:
        return []
    relation = quoted(dataset)
    asked = ["count(*)", *(term for each in columns for term in _measures(each))]
    first = await rows_of(service, visit, f"SELECT {', '.join(asked)} FROM {relation}", visit.as_of)
    total, *terms = first.rows[0]
    measured = [
        _measured(each, terms[6 * place : 6 * place + 6]) for place, each in enumerate(columns)
    ]
    parts = [_distribution(place, each, relation) for place, each in enumerate(measured)]
    wanted = [part for part in parts if part]
    found: list[list[Any]] = []
    if wanted and total:
        statement = "\nUNION ALL\n".join(wanted)
        found = (await rows_of(service, visit, statement, visit.as_of)).rows
    return [
        _profile(each, total, [row for row in found if row[0] == place])
        for place, each in enumerate(measured)
    ]


def kind_of(type_: str) -> str:
    """`number`, `time`, `text`, or empty for a type that has no chart."""
    for kind, pattern in (("number", _NUMBER), ("time", _TIME), ("text", _TEXT)):
        if pattern.fullmatch(type_):
            return kind
    return ""


def _measures(column: ResultColumn) -> list[str]:
    """Six terms: not null, distinct, least and greatest as text, and as numbers."""
    name, kind = quoted(column.name), kind_of(column.type)
    if not kind:
        return [f"count({name})", "NULL", "NULL", "NULL", "NULL", "NULL"]
    number = _as_number(name, kind)
    bounds = [f"min({number})", f"max({number})"] if number else ["NULL", "NULL"]
    return [
        f"count({name})",
        f"approx_count_distinct({name})",
        f"left(min({name})::VARCHAR, {_TEXT_CHARACTERS})",
        f"left(max({name})::VARCHAR, {_TEXT_CHARACTERS})",
        *bounds,
    ]


def _as_number(name: str, kind: str) -> str | None:
    """A column as finite doubles, others as null; None for text."""
    if kind == "number":
        value = f"{name}::DOUBLE"
    elif kind == "time":
        value = f"epoch({name})"
    else:
        return None
    return f"CASE WHEN isfinite({name if kind == 'time' else value}) THEN {value} END"


def _measured(column: ResultColumn, terms: list[Any]) -> _Measured:
    count, distinct, least, greatest, low, high = terms
    return _Measured(column.name, kind_of(column.type), count, distinct, least, greatest, low, high)


def _distribution(place: int, column: _Measured, relation: str) -> str:
    """A statement of (place, bucket, text, count); empty where there is nothing to draw."""
    name = quoted(column.name)
    number = _as_number(name, column.kind)
    if number is not None and column.low is not None and column.high is not None:
        width = (column.high - column.low) / BUCKETS or 1.0
        bucket = f"least(floor((x - {column.low!r}) / {width!r}), {BUCKETS - 1})::INTEGER"
        return (
            f"SELECT {place} AS place, {bucket} AS bucket, NULL::VARCHAR AS value, count(*) AS n "
            f"FROM (SELECT {number} AS x FROM {relation}) WHERE x IS NOT NULL GROUP BY ALL"
        )
    if column.kind != "text" or not column.count:
        return ""
    return (
        f"SELECT {place}, row_number() OVER (ORDER BY n DESC, value)::INTEGER - 1, value, n FROM "
        f"(SELECT left({name}::VARCHAR, {_TEXT_CHARACTERS}) AS value, count(*) AS n FROM {relation} "
        f"WHERE {name} IS NOT NULL GROUP BY ALL ORDER BY n DESC, value LIMIT {COMMONEST})"
    )


def _profile(column: _Measured, total: int, found: list[list[Any]]) -> Profile:
    is_ranked = column.kind == "text"
    bars = _ranked(found) if is_ranked else _histogram(found)
    return Profile(
        total,
        total - column.count,
        min(column.distinct, column.count) if column.distinct is not None else None,
        column.least,
        column.greatest,
        bars,
        is_ranked,
    )


def _ranked(found: list[list[Any]]) -> tuple[Bar, ...]:
    ordered = sorted(found, key=lambda row: row[1])
    most = max((row[3] for row in ordered), default=1)
    return tuple(Bar(row[3] / most, row[3], row[2]) for row in ordered)


def _histogram(found: list[list[Any]]) -> tuple[Bar, ...]:
    counts = {row[1]: row[3] for row in found}
    if not counts:
        return ()
    most = max(counts.values())
    return tuple(
        Bar(counts.get(place, 0) / most, counts.get(place, 0), "") for place in range(BUCKETS)
    )
