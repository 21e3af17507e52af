"""Any text, any table: what is read is what a slow reading and other writers say."""

import csv
import io
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st
from ingest_files import by_duckdb, by_pyarrow, ingest, parsed, temporary
from slow_readings import Cells, read_slowly

from lakehouse.domain.errors import Refused
from lakehouse.formats.limits import IngestLimits

SMALL = IngestLimits(block_bytes=16)


TEXT = (("a", "string"), ("b", "string"))


# The pieces of structure that meet in odd ways, and a word that may fill a block.
SOUP = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r", "\r\n", "x", "é", "\ufeff", "\0", "wordword"])
).map("".join)


CELLS = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.text('a",\r\n \ufeff\0é東', max_size=6),
    st.sampled_from(["NA", "null", "0", "true", '"', "\r", "\n"]),
)


@given(SOUP, st.integers(1, 9), st.integers(1, 9))
@example('x,"\r\n"\r', 1, 1)
@example("\ufeffx,y\n\ufeff,\n", 4, 4)
@example('x,"a\nb"\nx,"a"b\n', 5, 3)
def test_any_text_is_read_as_slowly_reading_it_says(text: str, block: int, piece: int) -> None:
    data = f"a,b\n{text}".encode()
    with temporary() as folder, patch("lakehouse.formats.csv.blocks._PIECE_BYTES", piece):
        result = ingest(data, Path(folder), limits=IngestLimits(block_bytes=block), types=TEXT)
        expected = read_slowly(data.decode())
        if isinstance(expected, int):
            assert isinstance(result, Refused)
            assert result.code == "malformed_csv"
            assert result.errors[0]["line"] == expected
        else:
            assert not isinstance(result, Refused), result
            assert by_pyarrow(result) == [tuple(row) for row in expected[1:]]


@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n))),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.sampled_from([",", ";", "\t", "|", "^", "]", "-"]),
    st.booleans(),
)
def test_any_table_comes_back_cell_by_cell(
    rows: list[Cells], end: str, bom: bytes, mark: str, last: bool
) -> None:
    names = [f"c{i}" for i in range(len(rows[0]) if rows else 1)]
    text = end.join(mark.join(map(_quoted, row)) for row in [names, *rows])
    data = bom + (text + (end if last else "")).encode()
    with temporary() as folder:
        types = tuple((name, "string") for name in names)
        result = parsed(data, Path(folder), limits=SMALL, delimiter=mark, types=types)
        # A null alone on its line is an empty line, which is no record.
        expected = [tuple(row) for row in rows if row != [None]]
        assert by_pyarrow(result) == expected
        assert by_duckdb(result) == expected


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1))
def test_what_pythons_csv_writes_is_read(rows: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("a", "b"), *rows])
    with temporary() as folder:
        result = parsed(file.getvalue().encode(), Path(folder), limits=SMALL, types=TEXT)
        assert by_pyarrow(result) == rows


def _quoted(cell: str | None) -> str:
    return "" if cell is None else '"' + cell.replace('"', '""') + '"'
