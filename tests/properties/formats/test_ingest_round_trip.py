"""The whole way: a table becomes CSV, is ingested, and comes back cell by cell; and any bytes end well."""

import datetime
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ingest_files import by_duckdb, by_pyarrow, ingest, parsed, temporary, types_of
from slow_readings import Cells, type_of_column

from lakehouse.domain.errors import Refused
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.reader import Parsed

SMALL = IngestLimits(block_bytes=64, row_group_rows=3, threads=2, kept_bytes=300)
REFUSALS = {
    "empty_csv",
    "malformed_csv",
    "malformed_encoding",
    "too_large",
    "unsupported_media_type",
    "value_does_not_fit",
}

INTS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 2**63 - 1, -(2**63), 2**53 + 1, 10**15, 2**63, -(2**63) - 1]),
).map(str)
DOUBLES = st.one_of(
    st.decimals(-(10**9), 10**9, allow_nan=False, places=3).map("{:f}".format),
    st.floats(-1e300, 1e300).map("{:.14e}".format),
    st.sampled_from(
        ["0.5", "-0.0", "1e-307", "9.99999999999999e307", "1e308", "1234567890123456.5"]
    ),
)
BOOLS = st.sampled_from(["true", "False", "TRUE", "tRUE"])
DATES = st.one_of(st.dates().map(str), st.sampled_from(["2024-02-29", "0001-01-01", "2023-02-29"]))
INSTANTS = st.builds(
    "{}{}{}".format,
    st.dates(datetime.date(1, 1, 2), datetime.date(9999, 12, 30)),
    st.sampled_from(["T00:00", " 23:59:59", "T12:30:00.5", " 01:02:03.123456"]),
    st.sampled_from(["", "Z", "+02:00", "-2359"]),
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.text('a",\r\n \ufeff\0é東-=', max_size=6),
    st.sampled_from(["NA", "null", "NULL", "007", "+1", "1_0", " 1", "1 ", "nan", '"', "", "\\N"]),
)
KINDS: list[st.SearchStrategy[str]] = [INTS, DOUBLES, BOOLS, DATES, INSTANTS, TEXTS]
COLUMN = st.one_of(
    *(st.just(st.one_of(st.none(), kind)) for kind in KINDS),
    st.just(st.one_of(st.none(), *KINDS)),
)


@st.composite
def tables(draw: st.DrawFn) -> list[Cells]:
    """Columns of some kind each; the first is never null, so that no row is an empty line."""
    columns = [st.sampled_from("xyz"), *draw(st.lists(COLUMN, min_size=1, max_size=4))]
    return draw(st.lists(st.tuples(*columns).map(list), max_size=12))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.sampled_from(["\n", "\r\n"]), st.randoms(use_true_random=False))
@example([["x", "9223372036854775807"], ["x", "1.5"]], "\n", random.Random(1))
@example(
    [["x", "9007199254740993"], ["x", None], ["x", "-9223372036854775808"]], "\n", random.Random(1)
)
@example([["x", ""], ["x", "1"]], "\n", random.Random(1))
def test_a_table_comes_back_cell_by_cell_in_any_order(
    rows: list[Cells], end: str, rng: random.Random
) -> None:
    types = [type_of_column([row[i] for row in rows]) for i in range(len(rows[0]) if rows else 2)]
    expected = [
        tuple(_value(cell, type_) for cell, type_ in zip(row, types, strict=True)) for row in rows
    ]
    with temporary() as folder:
        result = parsed(_csv(rows, len(types), end, rng), Path(folder), limits=SMALL)
        assert [column.type for column in result.columns] == types
        assert _exact(by_pyarrow(result)) == _exact(expected)
        assert _exact(by_duckdb(result)) == _exact(expected)
    shuffled = rng.sample(rows, len(rows))
    with temporary() as folder:
        again = parsed(_csv(shuffled, len(types), end, rng), Path(folder), limits=SMALL)
        assert types_of(again) == types_of(result)


SOUP = st.lists(
    st.one_of(
        st.sampled_from(
            [b"a,b\n", b'"', b'""', b",", b"\n", b"\r", b"\xff", b"\xe6\x9d", b"1.5", b"\0"]
        ),
        st.sampled_from(
            [b"true", b"2024-01-01", b"\xef\xbb\xbf", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"]
        ),
        st.binary(max_size=6),
    )
).map(b"".join)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "header": st.booleans(),
        "delimiter": st.sampled_from([",", ";", "\t", "."]),
        "encoding": st.sampled_from(["utf-8", "latin-1", "utf-16", "shift_jis", "utf-7"]),
        "null_tokens": st.lists(st.sampled_from(["NA", "1", "true"]), unique=True).map(tuple),
        "on_error": st.sampled_from(["reject", "quarantine"]),
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(SOUP, OPTIONS, st.integers(1, 64), st.sampled_from([None, "gzip", "zstd"]))
def test_any_bytes_are_read_or_refused(
    data: bytes, options: dict[str, Any], block: int, encoding: str | None
) -> None:
    limits = IngestLimits(block_bytes=block, record_bytes=256, columns=50, decoded_bytes=10_000)
    with temporary() as folder:
        result = ingest(data, Path(folder), content_encoding=encoding, limits=limits, **options)
        if isinstance(result, Refused):
            assert result.code in REFUSALS
        else:
            assert len(by_pyarrow(result)) == result.row_count
            assert len(by_duckdb(result)) == result.row_count


@settings(max_examples=50)
@given(SOUP, st.lists(st.integers(1, 64), min_size=2, max_size=2))
def test_blocks_change_neither_what_is_read_nor_what_is_refused(
    data: bytes, sizes: list[int]
) -> None:
    assert _outcome(data, sizes[0]) == _outcome(data, sizes[1])


def _outcome(data: bytes, block: int) -> object:
    with temporary() as folder:
        result = ingest(data, Path(folder), limits=IngestLimits(block_bytes=block))
        if isinstance(result, Parsed):
            return result.fingerprint, [file.sha256 for file in result.files]
        return result.code, result.errors


def _csv(rows: list[Cells], columns: int, end: str, rng: random.Random) -> bytes:
    header = [f"c{number}" for number in range(columns)]
    lines = [header, *([_written(cell, rng) for cell in row] for row in rows)]
    return end.join(map(",".join, lines)).encode()


def _written(cell: str | None, rng: random.Random) -> str:
    if cell is None:
        return ""
    quotes = not cell or any(mark in cell for mark in '",\r\n\ufeff') or rng.random() < 0.2
    return '"' + cell.replace('"', '""') + '"' if quotes else cell


def _exact(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in which 1, 1.0 and True are three values, and so are 0.0 and -0.0."""
    return [tuple((type(cell).__name__, str(cell)) for cell in row) for row in rows]


def _value(cell: str | None, type_: str) -> object:
    return None if cell is None else _READ[type_](cell)


def _utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


_READ: dict[str, Callable[[str], object]] = {
    "bool": lambda text: text.lower() == "true",
    "int64": int,
    "double": float,
    "date32[day]": datetime.date.fromisoformat,
    "timestamp[us]": datetime.datetime.fromisoformat,
    "timestamp[us, tz=UTC]": _utc,
    "string": str,
}
