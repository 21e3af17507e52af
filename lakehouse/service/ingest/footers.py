"""Statistics of columns, from the footers of stored Parquet files.

Reads the ends of objects, never rows.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pyarrow as pa
import pyarrow.parquet as pq

from journal.events import Object
from lakehouse.formats.types.names import INT64
from projections.catalog import Dataset

END_BYTES = 64 * 1024
"""Read in one request; most footers fit."""
AT_ONCE = 16
ReadBlob = Callable[[str, int, int], Awaitable[bytes]]
"""Verified bytes of a blob: its key, where they start, how many."""
_TRAILER = struct.Struct("<I4s")
_MAGIC = b"PAR1"
_EXACT = 2**53
"""Every integer up to this size is a double."""


async def exact_as_double(read: ReadBlob, dataset: Dataset) -> frozenset[str]:
    """The int64 columns all of whose values, in every object, are the same as doubles.

    A column without statistics in a footer is not among them. Raises what `read` raises.
    """
    names = frozenset(column.name for column in dataset.schema or () if column.type == INT64)
    if not names:
        return names
    gate = asyncio.Semaphore(AT_ONCE)

    async def inexact(item: Object) -> frozenset[str]:
        async with gate:
            found = await footer(read, item)
        return frozenset(name for name in names if not _is_exact(found, name))

    return names.difference(*await asyncio.gather(*map(inexact, dataset.objects)))


async def footer_end(read: ReadBlob, item: Object) -> bytes:
    """The end of an object, its whole footer included.

    Raises what `read` raises, and ArrowInvalid for what is no Parquet file.
    """
    end = await _end(read, item, min(END_BYTES, item.size_bytes))
    if len(end) < _TRAILER.size:
        raise pa.ArrowInvalid(f"{item.key} is no Parquet file: it is too short")
    size_bytes, magic = _TRAILER.unpack(end[-_TRAILER.size :])
    if magic != _MAGIC or size_bytes + _TRAILER.size > item.size_bytes:
        raise pa.ArrowInvalid(f"{item.key} is no Parquet file")
    if size_bytes + _TRAILER.size > len(end):
        end = await _end(read, item, size_bytes + _TRAILER.size)
    return end


def _is_exact(found: pq.FileMetaData, name: str) -> bool:
    """Whether the values of a column, if the file has it, lie where integers are doubles."""
    if name not in found.schema.names:
        return True
    place = found.schema.names.index(name)
    return all(
        _chunk_is_exact(found.row_group(group).column(place))
        for group in range(found.num_row_groups)
    )


def _chunk_is_exact(chunk: pq.ColumnChunkMetaData) -> bool:
    found = chunk.statistics
    if found is None:
        return False
    if not found.has_min_max:
        return bool(found.has_null_count and found.null_count == chunk.num_values)
    return bool(found.min >= -_EXACT and found.max <= _EXACT)


async def footer(read: ReadBlob, item: Object) -> pq.FileMetaData:
    """The footer of an object. Raises as `footer_end` does."""
    return pq.read_metadata(pa.BufferReader(await footer_end(read, item)))


async def _end(read: ReadBlob, item: Object, size_bytes: int) -> bytes:
    return await read(item.blob, item.size_bytes - size_bytes, size_bytes)
