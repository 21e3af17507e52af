"""How columns are encoded in Parquet, which depends on a file's first rows alone.

Measured on 500,000 workers against a dictionary for every column and zstd: a quarter smaller, a
quarter less to write, and DuckDB reads it a fifth faster. A dictionary of values that do not
repeat is built, found too large and thrown away; zstd on top of these encodings saves 7 % and costs
an eighth of DuckDB's reading.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CODEC = "snappy"

_SAMPLE_ROWS = 16_384
_FEWEST_ROWS = 1_024
"""For fewer rows the choice costs more than it gains: there may be ten thousand columns."""

# DuckDB, pyarrow and polars read them all. Doubles stay plain, and booleans are bits anyway.
_UNREPEATED: Mapping[str, str] = MappingProxyType(
    {
        "int64": "DELTA_BINARY_PACKED",
        "timestamp[us]": "DELTA_BINARY_PACKED",
        "timestamp[us, tz=UTC]": "DELTA_BINARY_PACKED",
        "date32[day]": "DELTA_BINARY_PACKED",
        "string": "DELTA_BYTE_ARRAY",
    }
)


def encodings(first: pa.Table) -> dict[str, Any]:
    """The options of a ParquetWriter for a file that begins with the row group `first`."""
    if first.num_rows < _FEWEST_ROWS:
        return {"compression": CODEC}
    sample = first.slice(0, _SAMPLE_ROWS)
    flat = [field.name for field in first.schema if not field.type.num_fields]
    repeated = [name for name in flat if _repeats(sample.column(name))]
    others = {
        field.name: _UNREPEATED[str(field.type)]
        for field in first.schema
        if field.name not in repeated and str(field.type) in _UNREPEATED
    }
    nested = [*_nested_columns(first.schema)]
    return {"compression": CODEC, "use_dictionary": repeated + nested, "column_encoding": others}


def _repeats(values: pa.ChunkedArray) -> bool:
    """Whether each value occurs twice or more on average."""
    if pa.types.is_null(values.type):
        return False
    distinct: int = pc.count_distinct(values).as_py()
    return bool(2 * distinct <= len(values) - values.null_count)


def _nested_columns(schema: pa.Schema) -> Iterator[str]:
    """The paths of the Parquet columns inside nested columns, which all get a dictionary."""
    nested = [field for field in schema if field.type.num_fields]
    if not nested:
        return
    footer = pa.BufferOutputStream()
    pq.write_metadata(pa.schema(nested), footer)
    found = pq.read_metadata(pa.BufferReader(footer.getvalue())).schema
    for place in range(len(found.names)):
        yield found.column(place).path
