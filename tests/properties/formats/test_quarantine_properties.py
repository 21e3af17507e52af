"""Any bytes: every record is kept or quarantined, by the same rules as a refusal."""

from pathlib import Path

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ingest_files import parsed, quarantined, quarantining, refused, temporary
from slow_readings import types_of_value

from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.quarantine_pieces import Pieces
from lakehouse.formats.csv.record_scanner import line_ends, spans
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.types.fitting import all_fit, fit_mask
from lakehouse.formats.types.table import TYPES

_nasty = st.sampled_from(
    [b'"', b'"', b",", b"\n", b"\r\n", b"\r", b"x", b"1", b'""', b"\xff", b"\xc3\xa4", b"\n\n"]
)


@settings(max_examples=300)
@given(st.lists(_nasty, max_size=40).map(b"".join), st.integers(1, 9), st.integers(1, 30))
@example(b'"x\n""\n"', 1, 3)
def test_every_byte_is_in_one_record_whatever_the_chunks(body: bytes, size: int, most: int) -> None:
    dialect, limits = Dialect(",", "utf-8"), IngestLimits(record_bytes=1 << 20)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    found = list(Pieces(chunks, dialect, limits))
    joined = b"".join(piece.data for piece in found)
    assert joined.removesuffix(b"\n") == body.removesuffix(b"\n")
    whole = [span for piece in found for span in _placed(piece.data, piece.line, dialect, most)]
    alone = list(_placed(joined, 1, dialect, most))
    assert whole == alone


def _placed(data: bytes, line: int, dialect: Dialect, columns: int) -> list[tuple[object, ...]]:
    found, end = [], 0
    for span in spans(data, line, dialect, columns):
        assert not data[end : span.start].strip(b"\r\n"), "between records are empty lines alone"
        assert span.line == line + line_ends(data[: span.start])
        found.append((data[span.start : span.stop], span.line, span.problem))
        end = span.stop
    assert not data[end:].strip(b"\r\n")
    return found


@settings(max_examples=60)
@given(st.lists(_nasty, max_size=30).map(b"".join))
def test_what_is_refused_whole_is_what_would_be_set_aside_first(body: bytes) -> None:
    data = b"a,b\n" + body
    with temporary() as first, temporary() as second:
        result = quarantining(data, Path(first))
        rows = quarantined(result)
        if rows:
            refusal = refused(data, Path(second))
            assert rows[0][0] <= refusal.errors[0]["line"]
        else:
            strict = parsed(data, Path(second))
            assert strict.files[0].sha256 == result.files[0].sha256


_values = st.one_of(
    st.sampled_from(
        ["true", "True", "tRUE", "0", "-0", "007", "9223372036854775807", "9223372036854775808",
         "-9223372036854775808", "-9223372036854775809", "99999999999999999999", "1e308", "1e307",
         "9.99999999999999e307", "1e-307", "9e-308", "0e-999", "-0.0", "1.", ".5", "123456789012345",
         "1234567890123456", "1234567890123450", "0.1234567890123456", "2024-02-29", "2023-02-29",
         "1900-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "2024-13-01", "2024-04-31",
         "2024-01-01T24:00", "2024-01-01T00:00", "2024-02-30 00:00:00", "2024-01-01T00:00:00.1234567",
         "0001-01-01T00:00+00:01", "0001-01-01T00:00-00:01", "9999-12-31T23:59-00:01",
         "9999-12-31T23:59Z", "2024-01-01T00:00+2400", "2024-01-01T00:00z", "", " 1", "1\n", "é"]
    ),
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[0-2][0-9]{3}-[0-1][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9])?", fullmatch=True),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(_values | st.none(), max_size=8))
def test_single_values_are_judged_as_the_table_says(values: list[str | None]) -> None:
    array = pa.array(values, pa.string())
    for name in TYPES:
        wanted = [value is None or name in types_of_value(value) for value in values]
        assert fit_mask(array, name).to_pylist() == wanted, name
        assert all_fit(array, name) == all(wanted), name
