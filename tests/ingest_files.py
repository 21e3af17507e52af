"""Short ways for tests to ingest bytes, and to read the Parquet back with readers not ours."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq

from lakehouse.domain.errors import Refused
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.schema import Contract

Rows = list[tuple[Any, ...]]
QuarantinedRow = tuple[int, str | None, str, bytes]
"""Line, column, reason and the bytes of the record."""


def ingest(
    data: bytes | Path,
    into: Path,
    *,
    content_encoding: str | None = None,
    contract: Contract | None = None,
    limits: IngestLimits = IngestLimits(),  # noqa: B008  # frozen
    on_progress: ProgressCallback = ignore_progress,
    explains: bool = False,
    **options: Any,
) -> Parsed | Refused:
    """Ingest `data`, which is written to a file first, into the directory `into`."""
    into.mkdir(exist_ok=True)
    source = data if isinstance(data, Path) else into / "source"
    if isinstance(data, bytes):
        source.write_bytes(data)
    return ingest_file(
        ReadRequest(
            source=source,
            content_encoding=content_encoding,
            options=Options(**options),
            contract=contract,
            work_dir=lambda: into,
            limits=limits,
            on_progress=on_progress,
            explains=explains,
        )
    )


def parsed(data: bytes | Path, into: Path, **given: Any) -> Parsed:
    """As `ingest`, of a file that must be accepted."""
    result = ingest(data, into, **given)
    assert isinstance(result, Parsed), result
    return result


def quarantining(data: bytes | Path, into: Path, **given: Any) -> Parsed:
    """As `parsed`, with bad rows in quarantine."""
    return parsed(data, into, on_error="quarantine", **given)


def quarantined(result: Parsed) -> list[QuarantinedRow]:
    """The rows in quarantine, read by another reader than ours."""
    if result.quarantine is None:
        return []
    rows = pq.read_table(result.quarantine.file.content).to_pylist()
    assert len(rows) == result.quarantine.file.row_count
    return [(row["line"], row["column"], row["reason"], row["raw"]) for row in rows]


def refused(data: bytes | Path, into: Path, **given: Any) -> Refused:
    """As `ingest`, of a file that must be refused, and then leaves no file of ours behind."""
    result = ingest(data, into, **given)
    assert isinstance(result, Refused), result
    assert not [path for path in into.iterdir() if path.name != "source" and path != data]
    return result


def types_of(result: Parsed) -> dict[str, str]:
    """The decided type of each column."""
    return {column.name: column.type for column in result.columns}


def by_pyarrow(result: Parsed) -> Rows:
    """All rows as pyarrow reads them."""
    tables = [pq.read_table(file.content) for file in result.files]
    return [row for table in tables for row in zip(*table.to_pydict().values(), strict=True)]


def by_duckdb(result: Parsed) -> Rows:
    """All rows as DuckDB reads them, sessions being in UTC."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        paths = [str(file.content) for file in result.files]
        return connection.execute("FROM read_parquet(?)", [paths]).fetchall()


def text_rows(result: Parsed) -> Iterator[tuple[str | None, ...]]:
    """All rows of a file whose columns are all text, a batch at a time."""
    for file in result.files:
        for batch in pq.ParquetFile(file.content).iter_batches():
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def temporary() -> TemporaryDirectory[str]:
    """A directory for one example of a property, where pytest's `tmp_path` is one for all."""
    return TemporaryDirectory(prefix="ingest-")
