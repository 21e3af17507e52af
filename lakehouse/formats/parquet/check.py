"""`python -m lakehouse.formats.parquet.check FILE`: is every value of this Parquet readable?

The whole of one short-lived process: prints `Verified` as JSON. It may crash; whoever started it
must take that for an answer. It must never be imported by the server.
"""

import re
import resource
import sys
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.parquet.reader import Verified

MEMORY_BYTES = 6 << 30
"""Of addresses, which Arrow and DuckDB reserve more of than they use."""
BATCH_ROWS = 16_384
_TRAILER_BYTES = 8
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN = 300


class _Unfit(Exception):
    """The file is no table of ours; the message says why."""


def verified(path: Path) -> Verified:
    """What the file holds, once every value has been decoded by Arrow and by DuckDB."""
    try:
        columns, row_count = _by_arrow(path)
        _by_duckdb(path, columns, row_count)
    except _Unfit as error:
        return Verified(problem=str(error))
    except (pa.ArrowException, duckdb.Error, OSError, ValueError) as error:
        detail = str(error).replace(str(path), "the file").partition("\n")[0]
        return Verified(problem=detail[:_SHOWN])
    return Verified(columns=columns, row_count=row_count)


def _by_arrow(path: Path) -> tuple[tuple[tuple[str, str], ...], int]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        _check_places(file.metadata, path.stat().st_size)
        columns = tuple((field.name, str(_stored(field.type))) for field in file.schema_arrow)
        _check_names([name for name, _ in columns])
        _check_decimals(file.schema_arrow)
        rows = sum(batch.num_rows for batch in file.iter_batches(BATCH_ROWS))
        if rows != file.metadata.num_rows:
            raise _Unfit(f"it says that it has {file.metadata.num_rows} rows and has {rows}")
    return columns, rows


def _check_places(footer: pq.FileMetaData, size_bytes: int) -> None:
    """Refuse a file from whose middle bytes are missing: its values would reach into the footer."""
    end = size_bytes - footer.serialized_size - _TRAILER_BYTES
    for group in range(footer.num_row_groups):
        for place in range(footer.num_columns):
            chunk = footer.row_group(group).column(place)
            start = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)))
            if start + chunk.total_compressed_size > end:
                raise _Unfit("its values do not lie where its footer says")


def _stored(type_: pa.DataType) -> pa.DataType:
    """The type of the values, where Arrow remembers how a program had held them."""
    if isinstance(type_, pa.BaseExtensionType):
        return _stored(type_.storage_type)
    return _stored(type_.value_type) if isinstance(type_, pa.DictionaryType) else type_


def _check_names(names: list[str]) -> None:
    if not names:
        raise _Unfit("it has no columns")
    if any(not name or _CONTROL.search(name) for name in names):
        raise _Unfit("a column's name is empty or has a control character")
    if len({name.lower() for name in names}) < len(names):
        raise _Unfit("two columns have one name, case aside")


def _check_decimals(schema: pa.Schema) -> None:
    """Refuse decimals of more than 38 digits: DuckDB reads them as doubles, and wrong ones."""
    for field in schema:
        if any(pa.types.is_decimal(each) and each.precision > 38 for each in _within(field.type)):
            raise _Unfit(f"column {field.name} has decimals of more than 38 digits")


def _within(type_: pa.DataType) -> list[pa.DataType]:
    """The type and all that it is made of, at any depth."""
    stored = _stored(type_)
    inner = [_within(stored.field(place).type) for place in range(stored.num_fields)]
    return [stored, *(each for types in inner for each in types)]


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
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.stdout.buffer.write(msgspec.json.encode(verified(Path(sys.argv[1]))))
