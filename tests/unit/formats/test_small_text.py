"""Small blocks are read as large ones are: by the grammar here, by pyarrow there."""

import random

import pyarrow as pa
import pytest

from lakehouse.formats.csv.blocks import Block, first_line
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.small_text import MOST_BYTES, read_small
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.limits import IngestLimits

CELLS = (
    *("", '""', "NA", '"NA"', "-0", "007", 'a"b', " ", "\ufeff", "naïve 東京", "\x00"),
    *('"say ""hi"""', '"a;b,c"', '"two\nlines"', '"cr\rlf\r\n"', '"x,"",y"', '""""'),
)


def read_by_both(
    data: str, columns: int, delimiter: str = ",", null_tokens: tuple[str, ...] = ()
) -> tuple[pa.RecordBatch | None, pa.RecordBatch]:
    """The rows as a small block, and as pyarrow reads them: in a block of many times the same."""
    dialect, names = Dialect(delimiter, "utf-8"), tuple(f"c{place}" for place in range(columns))
    reader, body = TextReader(dialect, names, null_tokens, IngestLimits()), data.encode()
    small = read_small(body, dialect, reader.schema(), null_tokens)
    times = MOST_BYTES // len(body) + 1
    large = reader.read(Block(body * times, first_line))
    return small, large.slice(0, large.num_rows // times)


@pytest.mark.parametrize("null_tokens", [(), ("NA",), ('"NA"', "-0")])
def test_small_blocks_hold_what_pyarrow_reads(null_tokens: tuple[str, ...]) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(100):
        columns, rows = chance.randint(2, 5), chance.randint(1, 8)
        delimiter, newline = chance.choice(",;"), chance.choice(("\n", "\r\n"))
        records = [
            delimiter.join(chance.choice(CELLS).replace(",", delimiter) for _ in range(columns))
            for _ in range(rows)
        ]
        text = "".join(record + newline for record in records)
        small, large = read_by_both(text, columns, delimiter, null_tokens)
        assert small is not None, text
        assert small.equals(large), text


def test_quoted_empty_fields_and_quoted_null_tokens_are_texts() -> None:
    small, large = read_by_both('1,"",,NA,"NA"\n', 5, null_tokens=("NA",))
    assert small is not None
    assert small.to_pylist() == [{"c0": "1", "c1": "", "c2": None, "c3": None, "c4": "NA"}]
    assert small.equals(large)


@pytest.mark.parametrize(
    "data",
    [
        b'a,"b"c\n',
        b'a,"b\n',
        b"a\n",
        b"a,b,c\n",
        b"a,b\n\nc,d\n",
        b"a\nb,c,d\n",
        b"a,b\n" * (MOST_BYTES // 4 + 1),
    ],
)
def test_it_leaves_damage_empty_lines_and_large_blocks_to_others(data: bytes) -> None:
    schema = pa.schema([("x", pa.string()), ("y", pa.string())])
    assert read_small(data, Dialect(",", "utf-8"), schema, ()) is None


def test_an_empty_line_is_no_row_of_a_single_column() -> None:
    schema, dialect = pa.schema([("x", pa.string())]), Dialect(",", "utf-8")
    assert read_small(b"a\n\nb\n", dialect, schema, ()) is None
    small = read_small(b'a\n""\nb\n', dialect, schema, ())
    assert small is not None
    assert small.column(0).to_pylist() == ["a", "", "b"]
