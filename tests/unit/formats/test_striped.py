"""Parquet by several writers is, byte for byte, what Arrow's one writer makes."""

import datetime
import errno
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.formats.parquet import thrift
from lakehouse.formats.parquet.column_encodings import encodings
from lakehouse.formats.parquet.parallel_writer import StripedWriter

ROWS = 5_000


def _table() -> pa.Table:
    rng = random.Random(5)
    day = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC)
    moments = [day + datetime.timedelta(seconds=rng.randrange(10**8)) for _ in range(ROWS)]
    columns = {
        "id": pa.array(range(ROWS)),
        "role": pa.array(rng.choices(["welder", "site manager", None, ""], k=ROWS)),
        "note": pa.array([rng.randbytes(rng.randrange(40)).hex() for _ in range(ROWS)]),
        "rate": pa.array([rng.random() for _ in range(ROWS)]),
        "rank": pa.array(rng.choices([1.5, -0.0, None], k=ROWS)),
        "day": pa.array([moment.date() for moment in moments]),
        "at": pa.array([m.replace(tzinfo=None) for m in moments], pa.timestamp("us")),
        "seen": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "good": pa.array(rng.choices([True, False, None], k=ROWS)),
        "none": pa.nulls(ROWS, pa.string()),
    }
    return pa.table(columns).replace_schema_metadata({"lakehouse.commit.writer": "a test"})


def _by_one(table: pa.Table, groups: list[pa.Table]) -> bytes:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, **encodings(table)) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=group.num_rows)
    return sink.getvalue().to_pybytes()


def _by_several(table: pa.Table, groups: list[pa.Table], stripes: int) -> bytes:
    sink = pa.BufferOutputStream()
    with StripedWriter(sink, table.schema, encodings(table), stripes) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=group.num_rows)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("stripes", [1, 2, 3, 50])
@pytest.mark.parametrize("size", [ROWS, 1700])
def test_stripes_change_no_byte(stripes: int, size: int) -> None:
    table = _table()
    groups = [table.slice(start, size) for start in range(0, ROWS, size)]
    assert _by_several(table, groups, stripes) == _by_one(table, groups)


@pytest.mark.parametrize("name", _table().column_names)
def test_one_column_is_one_stripe(name: str) -> None:
    table = _table().select([name])
    assert _by_several(table, [table], 2) == _by_one(table, [table])


def test_many_columns_are_found_again() -> None:
    rows = pa.array(range(2_000))
    table = pa.table({f"column {n}": rows for n in range(100)})
    assert _by_several(table, [table], 2) == _by_one(table, [table])


def test_an_error_of_one_writer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    table = _table()

    def write_table(self: pq.ParquetWriter, part: pa.Table, _: int) -> None:
        if "id" not in part.column_names:
            raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", write_table)
    with pytest.raises(OSError, match="no space left"):
        _by_several(table, [table], 2)


VALUES: st.SearchStrategy[tuple[int, Any]] = st.deferred(
    lambda: st.one_of(
        st.sampled_from([(1, True), (2, False)]),
        st.tuples(st.sampled_from([4, 5, 6]), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just(7), st.binary(min_size=8, max_size=8)),
        st.tuples(st.just(8), st.binary(max_size=200)),
        st.tuples(st.just(9), st.tuples(st.just(6), st.lists(st.integers(-9, 9), max_size=40))),
        st.tuples(st.just(12), STRUCTS),
    )
)
STRUCTS = st.dictionaries(st.integers(1, 300), VALUES, max_size=5)


@given(STRUCTS)
def test_a_struct_comes_back(struct: thrift.Struct) -> None:
    assert thrift.decode(thrift.encode(struct)) == struct
