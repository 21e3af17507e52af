"""Any table, as CSV through HTTP and back through SQL: cell by cell what was sent, whatever the order."""

import datetime
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_server import Lake

Cells = list[str | None]
Column = tuple[str, Cells]

_numbers = st.sampled_from(
    [
        "0", "-0", "007", "+1", "1_000", " 5", "5 ", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "-9223372036854775809", "1.50", "-0.0", ".5", "5.", "1e5", "1E-307",
        "9e307", "1e308", "1e-308", "0.1", "123456789012345", "1234567890123456", "0e999", "NaN",
    ]
)  # fmt: skip
_times = st.sampled_from(
    [
        "2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31", "2024-01-01T00:00", "2024-1-1",
        "2024-01-01 23:59:59.999999", "2024-01-01T24:00", "0001-01-01T00:00Z", "2024-01-01T00:00Z",
        "2024-01-01T00:00+05:30", "2024-01-01 00:00:00.1-0330", "0001-01-01T00:00+00:01",
    ]
)  # fmt: skip
_nasty = st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "a\rb", "NA", "null", " ", "é", "\x00", "'", "\ufeff", "🦆", "="]
) | st.text(st.characters(codec="utf-8"), max_size=6)
_like = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.dates().map(str),
    st.datetimes().map(lambda at: at.isoformat()),
    st.booleans().map(lambda value: str(value).lower()),
)
_kinds = [
    _numbers,
    _times,
    _nasty,
    _like,
    st.integers(-9, 9).map(str),
    st.sampled_from(["true", "FALSE"]),
]
_column = st.sampled_from(_kinds).flatmap(
    lambda kind: st.lists(kind | st.none(), min_size=6, max_size=6)
)
_tables = st.lists(_column, min_size=1, max_size=5)


def as_csv(columns: list[Cells], rows: list[int]) -> bytes:
    """Text in quotes where it must be, null as nothing."""
    lines = [",".join(f"c{place}" for place in range(len(columns)))]
    lines += [",".join(_field(column[row]) for column in columns) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def _field(cell: str | None) -> str:
    if cell is None:
        return ""
    if cell == "" or any(mark in cell for mark in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _back(type_: str) -> Callable[[Any], Any]:
    """What a cell of a type is, from its text and from JSON alike."""
    return {
        "bool": lambda cell: str(cell).lower() == "true",
        "int64": int,
        "double": float,
        "date32[day]": str,
        "timestamp[us]": datetime.datetime.fromisoformat,
        "timestamp[us, tz=UTC]": datetime.datetime.fromisoformat,
        "string": str,
    }[type_]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=_tables, order=st.permutations(range(6)))
def test_a_table_comes_back_as_it_was_sent(
    lake: Lake, columns: list[Cells], order: list[int]
) -> None:
    if len(columns) == 1:
        columns = [*columns, ["x"] * 6]  # an empty line is no row
    query = "name=anything&schema_change=replace"
    done = lake.ingest(query, as_csv(columns, list(range(6))))
    assert done.status == 200, done
    types = [each["type"] for each in done.json["schema"]]
    answer = lake.sql("SELECT * FROM anything")
    assert answer.status == 200, answer
    for place, (type_, cells) in enumerate(zip(types, columns, strict=True)):
        back = _back(type_)
        found = [row[place] for row in answer.json["rows"]]
        expected = [None if cell is None else back(cell) for cell in cells]
        assert [None if cell is None else back(cell) for cell in found] == expected, type_
    shuffled = lake.ingest(query, as_csv(columns, order))
    assert [each["type"] for each in shuffled.json["schema"]] == types
