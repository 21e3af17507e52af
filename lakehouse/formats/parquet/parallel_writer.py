"""A Parquet file whose columns are encoded side by side, to the bytes that one writer would make.

Arrow encodes the columns of a row group one after the other. Here the columns are dealt to several
of its writers, stripes of neighbours, and what each makes of a row group is put one after the other
into the file: pages do not know where they stand, only the footer does, and it is put together
last. It chooses no encoding. Source: parquet.thrift of parquet-format 2.11.
"""

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.parquet import thrift
from lakehouse.formats.parquet.thrift import Struct

_MAGIC = b"PAR1"
_TAIL_END_BYTES = 8
"""Behind the footer: its length and the magic bytes."""
# Field numbers: of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData.
_NUM_ROWS, _ROW_GROUPS = 3, 4
_COLUMNS, _TOTAL_BYTES, _FILE_OFFSET, _TOTAL_COMPRESSED = 1, 2, 5, 6
_META_DATA = 3
_DATA_PAGE, _DICTIONARY_PAGE = 9, 11
_TEXT_WEIGHT = 3
"""Text takes about as many times as long to encode as a number does."""


class StripedWriter:
    """As a ParquetWriter with these options, for row groups that are worth threads."""

    def __init__(
        self, sink: pa.NativeFile, schema: pa.Schema, options: Mapping[str, Any], stripes: int
    ) -> None:
        self._sink = sink
        self._whole = _Stripe(schema, options)
        parts = _dealt(schema, stripes)
        self._stripes = [_Stripe(part, _only(options, part.names)) for part in parts]
        self._pool = ThreadPoolExecutor(len(self._stripes))
        self._shifts: list[list[int]] = []
        sink.write(_MAGIC)

    def __enter__(self) -> "StripedWriter":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown()
        if kind is None:
            self._sink.write(_tail(self._footer()))

    def write_table(self, table: pa.Table, row_group_size: int) -> None:
        """Write one row group, of all rows."""
        encode = partial(_Stripe.encode, table=table, row_group_size=row_group_size)
        positions = [stripe.position for stripe in self._stripes]
        shifts = []
        for position, pages in zip(positions, self._pool.map(encode, self._stripes), strict=True):
            shifts.append(self._sink.tell() - position)
            self._sink.write(pages)
        self._shifts.append(shifts)

    def _footer(self) -> Struct:
        footer = self._whole.close()
        parts = [stripe.close() for stripe in self._stripes]
        row_groups = [
            _joined(
                [_moved(_groups(part)[index], by) for part, by in zip(parts, shifts, strict=True)]
            )
            for index, shifts in enumerate(self._shifts)
        ]
        footer[_NUM_ROWS] = parts[0][_NUM_ROWS]
        footer[_ROW_GROUPS] = thrift.LIST, (thrift.STRUCT, row_groups)
        return footer


class _Stripe:
    """Some neighbouring columns and the writer that encodes them."""

    def __init__(self, schema: pa.Schema, options: Mapping[str, Any]) -> None:
        self._names = schema.names
        self._made = _Made()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._made, "w"), schema, **options)
        self._made.take()

    @property
    def position(self) -> int:
        """Where the next page would stand in a file of these columns alone."""
        return self._made.position

    def encode(self, *, table: pa.Table, row_group_size: int) -> bytes:
        """The pages of a row group."""
        self._writer.write_table(table.select(self._names), row_group_size)
        return self._made.take()

    def close(self) -> Struct:
        """The footer."""
        self._writer.close()
        tail = self._made.take()
        return thrift.decode(tail[:-_TAIL_END_BYTES])


class _Made(io.RawIOBase):
    """What a writer has written and nobody has taken."""

    def __init__(self) -> None:
        self.position = 0
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, piece: Any) -> int:
        """Keep a copy of `piece`."""
        self._pieces.append(bytes(piece))
        self.position += len(self._pieces[-1])
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """All that was written since the last taking."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _dealt(schema: pa.Schema, stripes: int) -> list[pa.Schema]:
    """Neighbouring columns, in stripes that take about as long as each other."""
    weights = [_TEXT_WEIGHT if pa.types.is_string(each.type) else 1 for each in schema]
    parts: list[list[pa.Field]] = [[] for _ in range(stripes)]
    passed = 0
    for field, weight in zip(schema, weights, strict=True):
        parts[passed * stripes // sum(weights)].append(field)
        passed += weight
    return [pa.schema(part) for part in parts if part]


def _only(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The options of a writer of these columns alone."""
    repeated, others = options.get("use_dictionary"), options.get("column_encoding")
    own = dict(options)
    if repeated is not None:
        own["use_dictionary"] = [name for name in repeated if name in names]
    if others is not None:
        own["column_encoding"] = {name: others[name] for name in names if name in others}
    return own


def _groups(footer: Struct) -> list[Struct]:
    groups: list[Struct] = footer[_ROW_GROUPS][1][1]
    return groups


def _moved(group: Struct, by: int) -> Struct:
    """A row group whose pages stand so many bytes further on."""
    _add(group, _FILE_OFFSET, by)
    for chunk in group[_COLUMNS][1][1]:
        meta = chunk[_META_DATA][1]
        for field in (_DATA_PAGE, _DICTIONARY_PAGE):
            if field in meta:
                _add(meta, field, by)
    return group


def _joined(parts: Sequence[Struct]) -> Struct:
    """One row group of the columns of all parts."""
    whole = parts[0]
    for part in parts[1:]:
        whole[_COLUMNS][1][1].extend(part[_COLUMNS][1][1])
        for field in (_TOTAL_BYTES, _TOTAL_COMPRESSED):
            _add(whole, field, part[field][1])
    return whole


def _add(struct: Struct, field: int, more: int) -> None:
    type_, value = struct[field]
    struct[field] = type_, value + more


def _tail(footer: Struct) -> bytes:
    encoded = thrift.encode(footer)
    return encoded + len(encoded).to_bytes(4, "little") + _MAGIC
