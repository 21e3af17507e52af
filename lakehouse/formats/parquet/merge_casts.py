"""The columns of a merged file, and the casts that bring each file's values to them.

A value that has another type in its file than in the dataset is cast by DuckDB, as a query casts it:
a double as text must read afterwards as it did before. Must never lose a digit: what does not fit
exactly raises.
"""

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.parquet.portable_types import coarser_type, signed_type
from lakehouse.formats.parquet.streaming import opened_for_streaming
from lakehouse.formats.schema import Column
from lakehouse.formats.types.logical import arrow_type, logical_type
from projections.view_sql.datasets import duckdb_type


def target_schema(
    schemas: Sequence[pa.Schema],
    columns: Sequence[Column] | None,
    portable: bool,
    paths: Sequence[str],
) -> pa.Schema:
    """The schema of the file that these files become. Raises ValueError where there is none."""
    types = _todays(schemas, columns) if columns else _common(schemas)
    if not portable:
        return pa.schema(types)
    coarse = [(name, _coarsest(name, signed_type(type_), schemas, paths)) for name, type_ in types]
    return pa.schema(coarse)


def cast_connection() -> duckdb.DuckDBPyConnection:
    """DuckDB, as `Casts` needs it."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": "1",
        "memory_limit": "2GB",
        "autoload_known_extensions": "false",
        "arrow_lossless_conversion": "true",
        "python_enable_replacements": "false",
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


class Casts:
    """Brings batches of several files to one schema; columns that a file lacks are null.

    `connect` makes a connection or cursor, where a value must be cast by DuckDB: one takes 30 MB.
    """

    def __init__(
        self,
        connect: Callable[[], duckdb.DuckDBPyConnection],
        columns: Sequence[Column] | None,
        schema: pa.Schema,
    ) -> None:
        self._connect = connect
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._todays = {each.name: each.type for each in columns or ()}
        self._schema = schema

    def cast(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows with exactly the columns of the schema. Raises pa.ArrowException, duckdb.Error."""
        there = set(batch.schema.names)
        arrays = [
            self._column(batch.column(field.name), field)
            if field.name in there
            else pa.nulls(batch.num_rows, field.type)
            for field in self._schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _column(self, values: pa.Array, field: pa.Field) -> pa.Array:
        plain = _plain(values)
        today = self._todays.get(field.name)
        if today is not None and not _has_type(plain, today):
            plain = self._as_a_query_casts(plain, today)
        return plain if plain.type == field.type else plain.cast(field.type)

    def _as_a_query_casts(self, values: pa.Array, today: str) -> pa.Array:
        table = pa.table({"v": values})
        if self._connection is None:
            self._connection = self._connect()
        relation = self._connection.from_arrow(table)
        found = relation.project(f"CAST(v AS {duckdb_type(today)}) AS v").to_arrow_table()
        return found.column("v").combine_chunks()


def _has_type(values: pa.Array, name: str) -> bool:
    return values.type == arrow_type(name) or str(logical_type(values.type)) == name


def _plain(values: pa.Array) -> pa.Array:
    """The values as their logical type: no dictionaries, no large offsets."""
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_run_end_encoded(values.type):
        values = pc.run_end_decode(values)
    plain = logical_type(values.type)
    return values if values.type == plain else values.cast(plain)


def _todays(
    schemas: Sequence[pa.Schema], columns: Sequence[Column]
) -> list[tuple[str, pa.DataType]]:
    """The Arrow types of the dataset's columns; of nested ones, as the files have them."""
    return [(each.name, arrow_type(each.type) or _nested(schemas, each)) for each in columns]


def _nested(schemas: Sequence[pa.Schema], column: Column) -> pa.DataType:
    found = {
        logical_type(schema.field(column.name).type)
        for schema in schemas
        if column.name in schema.names
    }
    if len(found) != 1 or str(next(iter(found))) != column.type:
        raise ValueError(f"column {column.name} has another nested type than {column.type} in some")
    return found.pop()


def _common(schemas: Sequence[pa.Schema]) -> list[tuple[str, pa.DataType]]:
    """The columns of the first file, which all others must have too, in any order."""
    first, *others = [
        {field.name: logical_type(field.type) for field in schema} for schema in schemas
    ]
    if any(other != first for other in others):
        raise ValueError("the objects have different columns, and the dataset has no schema")
    return list(first.items())


def _coarsest(
    name: str, type_: pa.DataType, schemas: Sequence[pa.Schema], paths: Sequence[str]
) -> pa.DataType:
    """Microseconds for nanoseconds, if every value of the column is a whole number of them."""
    coarse = coarser_type(type_)
    if coarse is None:
        return type_
    for schema, path in zip(schemas, paths, strict=True):
        if name in schema.names and not _all_fit(path, name, coarse):
            return type_
    return coarse


def _all_fit(path: str, name: str, type_: pa.DataType) -> bool:
    with opened_for_streaming(path) as file:
        for batch in file.iter_batches(columns=[name], use_threads=False):
            try:
                batch.column(0).cast(type_)
            except pa.ArrowInvalid:
                return False
    return True
