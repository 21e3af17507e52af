"""`python -m lakehouse.formats.parquet.check PARENT_PID FILE`: is every value of this Parquet readable?

The whole of one short-lived process: reads from stdin, as JSON, the types that a dataset wants of
columns, prints `Verified` as JSON. It may crash, which its caller must take for an answer. It must
never be imported by the server.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from journal.column_names import folded
from lakehouse.formats.parquet.reader import Verified
from lakehouse.formats.parquet.streaming import opened_for_streaming
from lakehouse.formats.parquet.value_fit import fits, may_fit
from lakehouse.formats.schema import name_fault
from lakehouse.formats.types.logical import arrow_type, logical_type
from lakehouse.process.imports import refuse_pandas
from lakehouse.process.self_limits import die_with, limit_memory

MEMORY_BYTES = 6 << 30
"""Of addresses, which Arrow and DuckDB reserve more of than they use."""
BATCH_ROWS = 16_384
_TRAILER_BYTES = 8
_SHOWN = 300


class _Unfit(Exception):
    """The file is no table of ours; the message says why."""


def verified(path: Path, wanted: Mapping[str, str]) -> Verified:
    """What the file holds, once every value has been decoded by Arrow and by DuckDB.

    `wanted` maps columns to the types that their values are held against.
    """
    try:
        columns, row_count, fitting = _by_arrow(path, wanted)
        _by_duckdb(path, columns, row_count)
    except _Unfit as error:
        return Verified(problem=str(error))
    except (pa.ArrowException, duckdb.Error, OSError, ValueError) as error:
        detail = str(error).replace(str(path), "the file").partition("\n")[0]
        return Verified(problem=detail[:_SHOWN])
    return Verified(columns=columns, row_count=row_count, fitting=fitting)


def _by_arrow(
    path: Path, wanted: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], int, tuple[str, ...]]:
    """The columns, the number of rows, and the columns all of whose values are of the wanted type."""
    with opened_for_streaming(path, page_checksum_verification=True) as file:
        _check_places(file.metadata, path.stat().st_size)
        columns = tuple((field.name, str(logical_type(field.type))) for field in file.schema_arrow)
        _check_names([name for name, _ in columns])
        _check_decimals(file.schema_arrow)
        fit = _Fit(file.schema_arrow, wanted)
        rows = 0
        for batch in file.iter_batches(BATCH_ROWS):
            rows += batch.num_rows
            fit.add(batch)
        if rows != file.metadata.num_rows:
            raise _Unfit(f"it says that it has {file.metadata.num_rows} rows and has {rows}")
    return columns, rows, fit.fitting()


class _Fit:
    """Which columns can be read as the wanted types, as far as their values have been seen."""

    def __init__(self, schema: pa.Schema, wanted: Mapping[str, str]) -> None:
        types = {
            field.name: (logical_type(field.type), arrow_type(wanted[field.name]))
            for field in schema
            if field.name in wanted
        }
        self._left = {
            name: (stored, type_)
            for name, (stored, type_) in types.items()
            if type_ is not None and may_fit(stored, type_)
        }

    def add(self, batch: pa.RecordBatch) -> None:
        """Hold these values against the types."""
        for name, (stored, type_) in list(self._left.items()):
            if stored != type_ and not fits(batch.column(name).cast(stored), type_):
                del self._left[name]

    def fitting(self) -> tuple[str, ...]:
        """The columns that are left."""
        return tuple(self._left)


def _check_places(footer: pq.FileMetaData, size_bytes: int) -> None:
    """Refuse a file from whose middle bytes are missing: its values would reach into the footer."""
    end = size_bytes - footer.serialized_size - _TRAILER_BYTES
    for group in range(footer.num_row_groups):
        for place in range(footer.num_columns):
            chunk = footer.row_group(group).column(place)
            start = min(
                filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)), default=0
            )
            if start + chunk.total_compressed_size > end:
                raise _Unfit("its values do not lie where its footer says")


def _check_names(names: list[str]) -> None:
    if not names:
        raise _Unfit("it has no columns")
    if not all(names):
        raise _Unfit("a column's name is empty")
    if fault := next(filter(None, map(name_fault, names)), None):
        raise _Unfit(f"{fault} in a column's name")
    if len({folded(name) for name in names}) < len(names):
        raise _Unfit("two columns have the same name without regard to case")


def _check_decimals(schema: pa.Schema) -> None:
    """Refuse decimals of more than 38 digits: DuckDB reads them as doubles, and wrong ones."""
    for field in schema:
        if any(pa.types.is_decimal(each) and each.precision > 38 for each in _within(field.type)):
            raise _Unfit(f"column {field.name} has decimals of more than 38 digits")


def _within(type_: pa.DataType) -> list[pa.DataType]:
    """The type and all that it is made of, at any depth."""
    plain = logical_type(type_)
    inner = [_within(plain.field(place).type) for place in range(plain.num_fields)]
    return [plain, *(each for types in inner for each in types)]


def _by_duckdb(path: Path, columns: tuple[tuple[str, str], ...], row_count: int) -> None:
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "memory_limit": "2GB",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        table = connection.read_parquet(str(path), hive_partitioning=False)
        if table.columns != [name for name, _ in columns]:
            raise _Unfit("DuckDB reads other columns than Arrow")
        # The hash of whole rows: every value is decoded, and none kept.
        whole = connection.execute(
            "SELECT count(*), bit_xor(hash(t)) FROM read_parquet($1, hive_partitioning=false) t",
            [str(path)],
        ).fetchone()
        if whole is None or whole[0] != row_count:
            raise _Unfit("DuckDB reads another number of rows than Arrow")


if __name__ == "__main__":
    refuse_pandas()
    die_with(int(sys.argv[1]))
    limit_memory(MEMORY_BYTES)
    types = msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, str])
    sys.stdout.buffer.write(msgspec.json.encode(verified(Path(sys.argv[2]), types)))
