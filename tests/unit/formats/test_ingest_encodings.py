"""Encodings: a dictionary where values repeat, deltas where they do not, and nothing lost."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ingest_files import by_duckdb, by_pyarrow, parsed

from lakehouse.formats.parquet.column_encodings import encodings

ROWS = 3_000


def test_columns_are_encoded_by_whether_their_values_repeat(tmp_path: Path) -> None:
    rows = (f"{i},{i % 9},w{i}@x.com,{i % 7}th,{i / 8}" for i in range(ROWS))
    result = parsed("\n".join(["a,b,c.d,e,f", *rows]).encode(), tmp_path)
    group = pq.read_metadata(result.files[0].content).row_group(0)
    found = {group.column(i).path_in_schema: group.column(i) for i in range(5)}
    assert "DELTA_BINARY_PACKED" in found["a"].encodings
    assert "DELTA_BYTE_ARRAY" in found["c.d"].encodings
    assert {name for name, column in found.items() if column.has_dictionary_page} == {"b", "e"}
    assert {column.compression for column in found.values()} == {"SNAPPY"}
    assert by_duckdb(result) == by_pyarrow(result)
    assert [row[2] for row in by_pyarrow(result)] == [f"w{i}@x.com" for i in range(ROWS)]


def test_extremes_survive_their_deltas(tmp_path: Path) -> None:
    rng = random.Random(5)
    ints = [
        rng.choice([-(2**63), 2**63 - 1, 0, rng.randrange(-(2**63), 2**63)]) for _ in range(ROWS)
    ]
    texts = [rng.choice(["", "a" * rng.randrange(300), f"é{rng.random()}"]) for _ in range(ROWS)]
    rows = (
        f'{i},"{text}",{rng.randrange(1, 9999):04}-01-0{1 + n % 9},'
        f"{rng.randrange(1, 9999):04}-12-31T23:59:59.{rng.randrange(10**6):06}Z"
        for n, (i, text) in enumerate(zip(ints, texts, strict=True))
    )
    result = parsed("\n".join(["i,s,d,t", *rows]).encode(), tmp_path)
    group = pq.read_metadata(result.files[0].content).row_group(0)
    assert "DELTA_BINARY_PACKED" in group.column(3).encodings
    assert [row[0] for row in by_duckdb(result)] == ints
    assert [row[1] for row in by_duckdb(result)] == texts
    assert by_duckdb(result) == by_pyarrow(result)


def test_few_rows_are_not_looked_at() -> None:
    assert encodings(pa.table({"a": ["x"] * 1_023})) == {"compression": "snappy"}


def test_a_column_of_nulls_has_a_dictionary() -> None:
    table = pa.table({"a": pa.array([None] * 2_000, pa.string()), "b": list(range(2_000))})
    chosen = encodings(table)
    assert chosen["use_dictionary"] == ["a"]
    assert chosen["column_encoding"] == {"b": "DELTA_BINARY_PACKED"}
