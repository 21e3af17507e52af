"""Converts DuckDB's Arrow to plain Arrow types and to Parquet. Pure.

DuckDB's lossless export writes booleans as an extension (bool8), a HUGEINT as 16 opaque bytes and
time zones as Etc/UTC; other readers expect the plain types. Types that Arrow cannot hold were cast
before (`exact_casts`).
"""

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.render.json_columns import Array, extension_name, hugeint_decimals

_ROW_GROUP_ROWS = 128 * 1024
_ROW_GROUP_BYTES = 16 * 1024 * 1024
_OWN_BUFFERS = ((pa.types.is_struct, 1), (pa.types.is_fixed_size_list, 1), (pa.types.is_nested, 2))
"""How many of its buffers are a nested array's own, before its children's."""

_LARGEST_DECIMAL = 10**38 - 1
_FALSE = pa.Array.from_buffers(pa.int8(), 1, [None, pa.py_buffer(b"\0")])[0]
"""Of bool8. Arrow takes as long to convert a number as to compare 8,192 values, and loads pandas."""
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"

Batches = Iterator[pa.RecordBatch]


def plain_schema(schema: pa.Schema, names: tuple[str, ...]) -> pa.Schema:
    """Return the schema that readers see, its columns named by `names`."""
    kinds = (_plain_type(field.type) for field in schema)
    return pa.schema([pa.field(name, kind) for name, kind in zip(names, kinds, strict=True)])


def plain_batches(batches: Batches, given: pa.Schema, schema: pa.Schema) -> Batches:
    """Yield batches of the schema `given` in the types of `schema`, which `plain_schema` made of it.

    Raises RefusedError `sql_error` for a HUGEINT of more than 38 digits.
    """
    numbers, kinds = range(len(schema)), schema.types
    converted = [number for number in numbers if given.field(number).type != kinds[number]]
    for batch in batches:
        columns = [batch.column(number) for number in numbers]
        for number in converted:
            columns[number] = _plain(columns[number], kinds[number])
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def arrow_pieces(
    schema: pa.Schema, batches: Batches, compression: str | None = None
) -> Iterator[bytes | memoryview]:
    """Yield an Arrow IPC stream; its end mark is in the last piece."""
    if compression is None and not any(map(_has_dictionary, schema.types)):
        yield from _messages(schema, batches)
        return
    sink, options = _Sink(), pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


def _messages(schema: pa.Schema, batches: Batches) -> Iterator[bytes | memoryview]:
    """The messages of the stream as Arrow writes each: a third of the time of a file in Python."""
    opening = schema.serialize().to_pybytes()
    for batch in batches:
        message = memoryview(batch.serialize())
        yield opening + message if opening else message
        opening = b""
    yield opening + _END_OF_STREAM


def _has_dictionary(kind: pa.DataType) -> bool:
    """Whether the batches need others before them, with the values of an ENUM."""
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(number).type) for number in range(kind.num_fields))


def parquet_pieces(schema: pa.Schema, batches: Batches) -> Iterator[bytes]:
    """Yield a Parquet file, a row group a piece; without its last piece no reader opens it."""
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for group in _row_groups(batches):
            writer.write_table(pa.Table.from_batches(group, schema))
            yield sink.take()
    yield sink.take()


class _Sink:
    """A file that is written and emptied by turns."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _row_groups(batches: Batches) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        group.append(batch)
        rows, size_bytes = rows + batch.num_rows, size_bytes + batch.nbytes
        if rows >= _ROW_GROUP_ROWS or size_bytes >= _ROW_GROUP_BYTES:
            yield group
            group, rows, size_bytes = [], 0, 0
    if group:
        yield group


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        known = _EXTENSIONS.get(extension_name(kind))
        return known if known is not None else _plain_type(kind.storage_type)
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.timestamp(kind.unit, "UTC")
    return _rebuilt(kind)


def _rebuilt(kind: pa.DataType) -> pa.DataType:
    """A nested type with its parts made plain; any other as it is."""
    fields = [kind.field(number) for number in range(kind.num_fields)]
    parts = [field.with_type(_plain_type(field.type)) for field in fields]
    for matches, make in _NESTED:
        if matches(kind):
            return make(kind, parts)
    return kind


_EXTENSIONS = {"bool8": pa.bool_(), "hugeint": pa.decimal128(38, 0)}
_NESTED: tuple[tuple[Callable[[pa.DataType], bool], Callable[..., pa.DataType]], ...] = (
    (pa.types.is_map, lambda kind, parts: pa.map_(parts[0].type.field(0), parts[0].type.field(1))),
    (pa.types.is_fixed_size_list, lambda kind, parts: pa.list_(parts[0], kind.list_size)),
    (pa.types.is_list, lambda kind, parts: pa.list_(parts[0])),
    (pa.types.is_struct, lambda kind, parts: pa.struct(parts)),
    (pa.types.is_union, lambda kind, parts: pa.sparse_union(parts, kind.type_codes)),
)


def _plain(array: Array, kind: pa.DataType) -> Array:
    if array.type == kind:
        return array
    if isinstance(array.type, pa.BaseExtensionType):
        return _plain_extension(array, kind)
    if pa.types.is_union(kind):
        parts = _parts(array, kind)
        names = [field.name for field in kind]
        return pa.UnionArray.from_sparse(array.type_codes, parts, names, kind.type_codes)
    if pa.types.is_nested(kind):
        own = next(count for matches, count in _OWN_BUFFERS if matches(kind))
        parts = _parts(array, kind)
        buffers = array.buffers()[:own]
        return pa.Array.from_buffers(kind, len(array), buffers, offset=array.offset, children=parts)
    return array.cast(kind)


def _plain_extension(array: Array, kind: pa.DataType) -> Array:
    storage = array.storage
    if extension_name(array.type) == "hugeint":
        return _within_38_digits(hugeint_decimals(storage))
    return pc.not_equal(storage, _FALSE) if pa.types.is_boolean(kind) else _plain(storage, kind)


def _within_38_digits(decimals: Array) -> Array:
    largest = pa.scalar(_LARGEST_DECIMAL, decimals.type)
    beyond = pc.or_(pc.greater(decimals, largest), pc.less(decimals, pc.negate(largest)))
    if pc.any(beyond, min_count=0).as_py():
        detail = "a HUGEINT has more than 38 digits, which Arrow and Parquet do not hold"
        raise RefusedError(Refused("sql_error", f"{detail}: cast the column to VARCHAR or DOUBLE"))
    return decimals


def _parts(array: Array, kind: pa.DataType) -> list[Array]:
    """The children of a nested array as they lie in memory, whatever part of them it shows."""
    if pa.types.is_map(kind):
        whole = pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        return [_plain(whole, kind.field(0).type)]
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_plain(array.values, kind.value_type)]
    return [
        _plain(array.field(number), kind.field(number).type) for number in range(kind.num_fields)
    ]
