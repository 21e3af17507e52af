"""The columns of a dataset's versions, and whether its objects can be read as these columns.

Reads footers only: of uploaded Parquet, of nested columns, and of what was registered without a schema.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from journal.events import Column, Object
from lakehouse.formats.parquet.field_ids import has_field_ids
from lakehouse.formats.types.logical import arrow_type, logical_type
from lakehouse.iceberg.types import Unreadable, is_promotion
from lakehouse.service.ingest.footers import AT_ONCE, footer
from lakehouse.service.objects import VerifiedObjects
from projections.catalog import Dataset

_FIELD_ID = b"PARQUET:field_id"
REMEMBERED = 200_000
"""Footers that are remembered: their schemas are shared, so that each is a pointer."""


class Stored:
    """What is known of stored objects: schema and number of rows of each whose footer was read."""

    def __init__(self, objects: VerifiedObjects) -> None:
        self._objects = objects
        self._found: dict[str, tuple[pa.Schema, int]] = {}
        self._schemas: dict[str, pa.Schema] = {}

    async def of(self, items: Sequence[Object]) -> Mapping[str, tuple[pa.Schema, int]]:
        """Schema and rows of each object. Raises RefusedError, and ArrowInvalid for what is no Parquet."""
        if not items:
            return {}
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(item: Object) -> None:
            async with gate:
                found = await footer(self._objects.read, item)
            schema = found.schema.to_arrow_schema().remove_metadata()
            shared = self._schemas.setdefault(schema.to_string(show_field_metadata=True), schema)
            self._found[item.blob] = (shared, found.num_rows)

        if len(self._found) > REMEMBERED:
            self._found.clear()
        await asyncio.gather(*(read(each) for each in items if each.blob not in self._found))
        return {each.blob: self._found[each.blob] for each in items}


class Shapes:
    """The columns of one dataset's versions, in the order of its events."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._written: dict[str, tuple[Column, ...]] = {}
        self._last: tuple[Column, ...] | None = None
        self._flat: tuple[tuple[Column, ...] | None, pa.Schema | None] = (None, None)
        """The last columns, and what `_flat` says of them: most versions have those of the one before."""

    async def columns(
        self, dataset: Dataset, new: tuple[Object, ...], written: Collection[str]
    ) -> tuple[pa.Schema, Mapping[str, int]]:
        """The columns of a version, and the rows of those new objects whose footer was read.

        `new`: the objects that the version before did not have; `written`: those blobs that our
        writer wrote for it. Raises Unreadable, RefusedError.
        """
        if self._flat[0] != dataset.schema:
            self._flat = (dataset.schema, _flat(dataset.schema))
        flat = self._flat[1]
        if flat is not None:
            self._written |= dict.fromkeys(written, dataset.schema or ())
        judged = new if flat is not None and self._last == dataset.schema else dataset.objects
        unknown = [
            item
            for item in judged
            if flat is None or item.row_count is None or item.blob not in self._written
        ]
        footers = await self._stored.of(unknown)
        schema = flat if flat is not None else _nested(dataset, footers)
        self._last = None
        for item in judged:
            if (fault := self._fault(item, schema, footers)) is not None:
                raise fault
        self._last = dataset.schema
        return schema, {blob: rows for blob, (_, rows) in footers.items()}

    def _fault(
        self, item: Object, schema: pa.Schema, footers: Mapping[str, tuple[pa.Schema, int]]
    ) -> Unreadable | None:
        try:
            if item.blob in footers:
                check_stored(item.key, footers[item.blob][0], schema)
            elif self._written[item.blob] != self._flat[0]:
                written = _flat(self._written[item.blob])
                _check_types(item.key, written if written is not None else schema, schema)
        except Unreadable as error:
            return error
        return None


def _flat(columns: Sequence[Column] | None) -> pa.Schema | None:
    """Columns whose types have no parts, as Arrow has them; None where one has, or none are known."""
    if columns is None:
        return None
    types = [(column.name, arrow_type(column.type)) for column in columns]
    if any(type_ is None for _, type_ in types):
        return None
    return pa.schema(types)


def _nested(dataset: Dataset, footers: Mapping[str, tuple[pa.Schema, int]]) -> pa.Schema:
    """The columns by the footers of all objects. Raises Unreadable where these do not agree."""
    found: dict[str, pa.DataType] = {}
    for item in dataset.objects:
        for field in footers[item.blob][0]:
            type_ = logical_type(field.type)
            if dataset.schema is None and found.get(field.name, type_) != type_:
                raise Unreadable(field.name, "its objects have different types")
            found[field.name] = type_
    if dataset.schema is None:
        return pa.schema(list(found.items()))
    return pa.schema([(column.name, _of(column, found)) for column in dataset.schema])


def _of(column: Column, found: Mapping[str, pa.DataType]) -> pa.DataType:
    type_ = arrow_type(column.type) or found.get(column.name)
    if type_ is None:
        raise Unreadable(column.name, f"no object has it, and {column.type} has parts")
    return type_


def check_stored(key: str, stored: pa.Schema, schema: pa.Schema) -> None:
    """Refuse a file with ids that are not ours, or types that a reader does not bring to today's.

    Raises Unreadable.
    """
    if _has_ids(stored) and not has_field_ids(stored):
        detail = f"the uploaded file {key} has field ids of its own"
        raise Unreadable(stored.names[0], detail, compacts=True)
    _check_types(key, stored, schema)


def _check_types(key: str, stored: pa.Schema, schema: pa.Schema) -> None:
    for field in schema:
        place = stored.get_field_index(field.name)
        if place < 0:
            continue
        was = stored.field(place).type
        if not is_promotion(logical_type(was), field.type):
            detail = f"{key} holds {was}, and the column is {field.type} now"
            raise Unreadable(field.name, detail, compacts=True)


def _has_ids(schema: pa.Schema) -> bool:
    return any(_FIELD_ID in (field.metadata or {}) for field in _fields(schema))


def _fields(parts: pa.Schema | pa.StructType) -> list[pa.Field]:
    return [parts.field(index) for index in range(len(parts))]
