"""The rows of the system views that follow from a state, and Arrow tables of rows. Pure.

Must never show the name of a blob: users know objects by key.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from projections import catalog, inventory
from projections import stores as placement
from projections.catalog import Dataset
from projections.fold import State
from projections.inventory import Stored

Row = tuple[Any, ...]


def datasets(state: State) -> Iterable[Row]:
    """Rows of `lake.datasets`."""
    return map(_dataset, catalog.in_name_order(state.catalog))


def columns(state: State) -> Iterable[Row]:
    """Rows of `lake.columns`."""
    of_datasets = (
        (dataset.name, position, column.name, column.type)
        for dataset in catalog.in_name_order(state.catalog)
        for position, column in enumerate(dataset.schema or (), 1)
    )
    of_views = (
        (view.name, position, column.name, column.type)
        for view in catalog.views_in_name_order(state.catalog)
        for position, column in enumerate(view.columns, 1)
    )
    return sorted([*of_datasets, *of_views], key=lambda row: (row[0], row[1]))


def views(state: State) -> Iterable[Row]:
    """Rows of `lake.views`."""
    return (
        (
            *(view.name, view.sql, view.comment),
            *([msgspec.to_builtins(each) for each in view.columns], list(view.reads)),
            *(view.safe is not None, view.created_at, view.seq),
        )
        for view in catalog.views_in_name_order(state.catalog)
    )


def objects(state: State) -> Iterable[Row]:
    """Rows of `lake.objects`, current versions first, each part in byte order of keys."""
    holders: dict[str, list[str]] = defaultdict(list)
    for dataset in catalog.in_name_order(state.catalog):
        for item in dataset.objects:
            holders[item.blob].append(dataset.name)
    current = inventory.in_key_order(state.inventory, "", "")
    named = {stored.blob for stored in current}
    kept = (state.inventory.blobs.get(blob) for blob in holders if blob not in named)
    older = sorted((each for each in kept if each), key=lambda each: (each.key.encode(), each.seq))
    rows = [_object(each, True, holders) for each in current]
    rows += [_object(each, False, holders) for each in older]
    return rows


def stores(state: State) -> Iterable[Row]:
    """Rows of `lake.stores`."""
    for id_, store in sorted(state.stores.stores.items()):
        held = placement.contents(state.stores, state.inventory.blobs, id_)
        yield (id_, store.url, store.credentials, *held, store.created_at, store.seq)


def table(schema: pa.Schema, rows: Iterable[Iterable[Any]]) -> pa.Table:
    """A table of these columns. Times are given as text, as slots write them."""
    values = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [_array(given, kind) for given, kind in zip(values, schema.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _dataset(dataset: Dataset) -> Row:
    return (
        *(dataset.name, dataset.dataset_id, dataset.schema_fingerprint, dataset.row_count),
        *(len(dataset.objects), sum(item.size_bytes for item in dataset.objects)),
        *(dataset.created_at, dataset.updated_at, dataset.seq),
    )


def _object(stored: Stored, is_current: bool, holders: Mapping[str, list[str]]) -> Row:
    return (
        *(stored.key, stored.size_bytes, stored.sha256, stored.row_count, stored.content_type),
        *(stored.at, stored.seq, is_current, holders.get(stored.blob, [])),
    )


def _array(values: Any, kind: pa.DataType) -> Any:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.string()).cast(kind)
    return pa.array(values, kind)
