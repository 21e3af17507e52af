"""The types in the footers of a dataset's objects, and which objects must be rewritten. Reads the ends
of objects, never rows. Must never read an object that was registered: only files that ingest verified,
or compaction wrote, are opened in this process.
"""

import asyncio
from collections.abc import Iterable

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from journal.events import Column, Object
from lakehouse.formats.parquet.field_ids import has_field_ids
from lakehouse.formats.parquet.merging import WRITER_KEY, WRITER_NAME
from lakehouse.formats.parquet.portable_types import coarser_type, signed_type
from lakehouse.formats.types.logical import arrow_type, logical_type
from lakehouse.service.ingest.footers import AT_ONCE, ReadBlob, footer_end
from projections.catalog import Dataset

StoredTypes = dict[str, str]
"""Column → the name of the type that an object stores it with."""


class ObjectFooter(msgspec.Struct, frozen=True):
    """The types of one object's columns, and whether the object should be rewritten."""

    types: StoredTypes
    is_stale: bool


async def footers_of(
    read: ReadBlob, dataset: Dataset, items: Iterable[Object]
) -> dict[str, ObjectFooter]:
    """The footer of each of these objects whose key is its blob. Raises what `read` raises."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Object) -> tuple[str, ObjectFooter]:
        async with gate:
            end = await footer_end(read, item)
        schema = pq.ParquetFile(pa.BufferReader(end)).schema_arrow
        return item.blob, footer_of(schema, dataset.schema or ())

    ours = [item for item in items if is_ours(item)]
    return dict(await asyncio.gather(*map(one, ours)))


def is_ours(item: Object) -> bool:
    """Whether ingest or compaction uploaded an object, not a user under a key of their own."""
    return item.key == item.blob


def footer_of(schema: pa.Schema, columns: tuple[Column, ...]) -> ObjectFooter:
    """The footer of an object with this schema, for a dataset with these columns."""
    types = {field.name: logical_type(field.type) for field in schema}
    compacted = (schema.metadata or {}).get(WRITER_KEY, b"").startswith(WRITER_NAME)
    outdated = any(
        not _is_current(types[column.name], column.type, compacted=compacted)
        for column in columns
        if column.name in types
    )
    names = {name: str(type_) for name, type_ in types.items()}
    return ObjectFooter(names, outdated or not has_field_ids(schema))


def retyped(columns: tuple[Column, ...], stored: list[StoredTypes]) -> tuple[Column, ...]:
    """The dataset's columns, those with the portable type that all objects store them with."""
    return tuple(
        Column(
            column.name,
            _retyped(column, {each[column.name] for each in stored if column.name in each}),
        )
        for column in columns
    )


def _retyped(column: Column, stored: set[str]) -> str:
    if len(stored) != 1:
        return column.type
    only = stored.pop()
    today = arrow_type(column.type)
    if today is None:
        return only  # queries read nested types as they are stored
    portable = {signed_type(today), coarser_type(today)}
    return only if arrow_type(only) in portable else column.type


def _is_current(stored: pa.DataType, today: str, *, compacted: bool) -> bool:
    """Whether compaction would store a column with this type."""
    type_ = arrow_type(today)
    if type_ is None:
        return bool(signed_type(stored) == stored)
    coarse = coarser_type(type_)
    if coarse is not None:
        # An object that compaction wrote stores nanoseconds only where they are needed.
        return bool(stored == coarse or (compacted and stored == type_))
    return bool(stored == signed_type(type_))
