"""Row groups encoded by several threads: the bytes of one writer, whatever the threads."""

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.writer import ParquetFile, write_parquet

ROWS = 25_000
NAMES = ("id", "role", "note", "rate", "day", "nothing")


@pytest.fixture(scope="module")
def rows() -> pa.RecordBatch:
    rng = random.Random(4)
    words = ["".join(rng.choices(string.ascii_letters, k=rng.randint(0, 40))) for _ in range(ROWS)]
    arrays = [
        pa.array(range(ROWS), pa.int64()),
        pa.array(rng.choices(["welder", "painter", None], k=ROWS), pa.string()),
        pa.array(words, pa.string()),
        pa.array([rng.choice([None, 0.5, rng.random()]) for _ in range(ROWS)], pa.float64()),
        pa.array(rng.choices(range(20_000), k=ROWS), pa.int32()).cast(pa.date32()),
        pa.nulls(ROWS, pa.float64()),
    ]
    return pa.RecordBatch.from_arrays(arrays, names=NAMES)


@pytest.mark.parametrize(
    ("group_rows", "file_bytes"),
    [(12_000, 1 << 28), (2_000, 1 << 28), (2_000, 300_000), (2_000, 1), (ROWS, 1)],
)
def test_threads_make_no_difference_to_the_bytes(
    rows: pa.RecordBatch,
    group_rows: int,
    file_bytes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lakehouse.formats.parquet.writer._LARGE_ROWS", 1_000)
    limits = IngestLimits(row_group_rows=group_rows, file_bytes=file_bytes)
    one, two, many = (_written(rows, limits, tmp_path, threads) for threads in (1, 2, 5))
    assert [each.sha256 for each in two] == [each.sha256 for each in one]
    assert [each.sha256 for each in many] == [each.sha256 for each in one]
    assert [each.row_count for each in two] == [each.row_count for each in one]
    read = pa.concat_tables(pq.read_table(each.content) for each in two)
    assert read.equals(pa.Table.from_batches([rows]))


def test_a_row_group_that_cannot_be_made_ends_the_writing(
    rows: pa.RecordBatch, tmp_path: Path
) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield rows.slice(0, 12_000)
        yield rows.slice(12_000, 12_000)
        raise ValueError("the file ends in the middle")

    limits = IngestLimits(row_group_rows=12_000)
    with pytest.raises(ValueError, match="ends in the middle"):
        write_parquet(batches(), rows.schema, tmp_path, limits, threads=2)


def _written(
    rows: pa.RecordBatch, limits: IngestLimits, directory: Path, threads: int
) -> tuple[ParquetFile, ...]:
    into = directory / str(threads)
    into.mkdir()
    pieces = [rows.slice(start, 3_000) for start in range(0, ROWS, 3_000)]
    return write_parquet(pieces, rows.schema, into, limits, threads=threads)
