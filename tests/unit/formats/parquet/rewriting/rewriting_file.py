"""A Parquet file in small row groups, and what the process that rewrites makes of it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriting.program import rewritten
from lakehouse.formats.parquet.rewriting.request import TARGET_BYTES, RewriteRequest
from lakehouse.formats.parquet.row_positions import RowPositions
from lakehouse.formats.parquet.writer import ParquetFile, written
from lakehouse.formats.schema import Column
from lakehouse.objects.extents import Identity
from lakehouse.objects.file_identity import file_identity

SMALL = IngestLimits(row_group_rows=100)
ROWS = 1_050
COLUMNS = (
    Column("i", "int64"),
    Column("s", "string"),
    Column("f", "double"),
    Column("n", "list<element: int64>"),
)
TYPES = {"i": pa.int64(), "s": pa.string(), "f": pa.float64(), "n": pa.list_(pa.int64())}
TABLE = pa.table(
    {
        "i": range(ROWS),
        "s": [f"text {n % 7}" if n % 5 else None for n in range(ROWS)],
        "f": [n / 3 for n in range(ROWS)],
        "n": [[n] * (n % 3) for n in range(ROWS)],
    }
)


def removed(
    file: Path, rows: Sequence[int], into: Path, columns: tuple[Column, ...] | None = COLUMNS
) -> Path:
    """The one file that is left of `file` without these rows."""
    (new,) = new_files(file, rows, into, columns)
    assert new.row_count == ROWS - len(rows)
    path = Path(str(new.content))
    assert new == written(path, new.row_count)
    return path


def new_files(
    file: Path,
    rows: Sequence[int],
    into: Path,
    columns: tuple[Column, ...] | None = COLUMNS,
    target_bytes: int = TARGET_BYTES,
) -> list[ParquetFile]:
    """The files that `file` becomes without these rows."""
    into.mkdir()
    positions = into / "removed"
    positions.write_bytes(bits(rows))
    request = RewriteRequest(
        *(str(file), identity(file), str(positions), columns, str(into)), target_bytes=target_bytes
    )
    found = rewritten(request)
    assert found.problem is None
    return list(found.parquet_files(into))


def bits(rows: Sequence[int]) -> bytes:
    """These rows as a request has them."""
    positions = RowPositions()
    positions.add(pa.array(rows, pa.int64()))
    return positions.bits


def identity(path: Path) -> Identity:
    with path.open("rb") as file:
        return file_identity(file.fileno())


def without(rows: Sequence[int]) -> pa.Table:
    gone = set(rows)
    return TABLE.take([n for n in range(ROWS) if n not in gone])


def chunk_bytes(body: bytes, chunk: pq.ColumnChunkMetaData) -> bytes:
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    return body[start : start + chunk.total_compressed_size]
