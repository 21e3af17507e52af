"""Parquet: the same cells give the same bytes, with the types that the contract names."""

import errno
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.workers import write_workers
from ingest_files import by_duckdb, by_pyarrow, ingest, parsed, types_of

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.reader import Parsed


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workers") / "workers.csv"
    write_workers(path, rows=5000)
    return path


EARLY = ("1", "1.50", "2024-02-29", "True", "2024-01-02 03:04", "2024-01-02T03:04Z", "", "y")
LATE = ("x", "2.50", "2024-02-30", "TRUE", "7", "2024-01-02T03:04+01:00")


@pytest.mark.parametrize("early", EARLY)
def test_a_value_that_comes_late_finds_the_ones_before_it_as_they_were_written(
    early: str, tmp_path: Path
) -> None:
    for place, late in enumerate(LATE):
        rows = [early] * 40 + [late]
        data = "\n".join([",a", *(f",{row}" for row in rows)]).encode()
        into, small = tmp_path / str(place), {"block_bytes": 100, "row_group_rows": 16}
        into.mkdir()
        kept = parsed(data, into / "kept", limits=IngestLimits(**small))
        read = parsed(data, into / "read", limits=IngestLimits(**small, kept_bytes=0))
        assert _hashes(kept) == _hashes(read)
        if types_of(kept)["a"] == "string":
            assert [row[1] for row in by_pyarrow(kept)] == [row or None for row in rows]


def test_rows_keep_their_order_across_groups_and_files(workers: Path, tmp_path: Path) -> None:
    limits = IngestLimits(row_group_rows=512, file_bytes=1, block_bytes=10_000)
    result = parsed(workers, tmp_path, limits=limits)
    assert [file.row_count for file in result.files] == [512] * 9 + [5000 - 9 * 512]
    assert [row[0] for row in by_duckdb(result)] == list(range(1, 5001))
    assert result.row_count == 5000


def test_types_are_stored_as_named(tmp_path: Path) -> None:
    data = (
        b"b,i,d,day,t,z,s\n"
        b"true,1,1.5,2024-02-29,2024-02-29T12:00,2024-02-29T12:00+01:00,x\n"
        b",,,,,,\n"
        b',,,,,,""\n'
    )
    result = parsed(data, tmp_path)
    schema = pq.read_schema(result.files[0].content)
    assert [(field.name, str(field.type)) for field in schema] == [
        (column.name, column.type) for column in result.columns
    ]
    assert [str(type_) for type_ in schema.types] == [
        "bool",
        "int64",
        "double",
        "date32[day]",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "string",
    ]
    assert [row[-1] for row in by_pyarrow(result)] == ["x", None, ""]
    assert by_duckdb(result) == by_pyarrow(result)


def test_negative_zero_keeps_its_sign(tmp_path: Path) -> None:
    assert str(by_duckdb(parsed(b"a\n-0.0\n1.5\n", tmp_path))[0][0]) == "-0.0"


def test_statistics_are_stored_and_nothing_that_varies(workers: Path, tmp_path: Path) -> None:
    metadata = pq.read_metadata(parsed(workers, tmp_path).files[0].content)
    assert metadata.row_group(0).column(0).statistics.max == 5000
    assert set(metadata.metadata) == {b"ARROW:schema", b"lakehouse.commit.writer"}
    assert metadata.metadata[b"lakehouse.commit.writer"] == b"lakehouse ingest 3"
    assert pa.__version__ in metadata.created_by


def test_text_spool_is_gone_afterwards(workers: Path, tmp_path: Path) -> None:
    result = parsed(workers, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(file.content for file in result.files)


def test_a_full_disk_ends_the_work_and_its_threads(
    workers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def write_table(self: pq.ParquetWriter, *_: object, **__: object) -> None:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", write_table)
    monkeypatch.setattr("lakehouse.formats.parquet.writer._LARGE_ROWS", 1)
    before = set(threading.enumerate())
    limits = IngestLimits(row_group_rows=512, block_bytes=10_000, kept_bytes=0)
    with pytest.raises(OSError, match="no space left"):
        ingest(workers, tmp_path, limits=limits)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def _hashes(result: Parsed) -> list[str]:
    return [file.sha256 for file in result.files]
