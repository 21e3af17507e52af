"""Renders the Arrow results of another engine like those of DuckDB: the same types, formats and
bounds. DuckDB casts the values to its types. Must never hold a whole result.
"""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from lakehouse.query.render.documents import Counted, Piece, document_of
from lakehouse.query.render.exact_casts import exact_sql
from lakehouse.query.render.formats import as_text
from lakehouse.query.render.result_columns import result_columns

_BATCH_ROWS = 8_192
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "arrow_lossless_conversion": "true",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


def rendered(reader: pa.RecordBatchReader, format_: str) -> Iterator[Piece]:
    """The document of the rows in a format of FORMATS, made while they are read.

    Raises RefusedError `sql_error` for columns that no result can have, and what DuckDB and Arrow raise.
    """
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        # A stream is read once: its columns are described by a table without rows.
        connection.register("columns", reader.schema.empty_table())
        described = connection.execute("FROM columns").description or []
        connection.register("result", reader)
        types = [kind for _, kind, *_ in described]
        sql = exact_sql("FROM result", types, as_text(format_)) or "FROM result"
        reader = connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
        counted = Counted(reader.schema, reader)
        yield from document_of(format_)(result_columns(described), counted)
