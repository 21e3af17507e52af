"""Receipts and manifests as users see them, made from state and events. Pure: keys, never blobs."""

from collections.abc import Mapping, Sequence

import msgspec

from journal.events import Content, DatasetRestored, Event, Object, Renamed, Source
from journal.slot import Header
from lakehouse.domain.errors import Body, Json
from projections.catalog import Dataset
from projections.fold import State
from projections.inventory import Inventory, Stored


class Receipt(msgspec.Struct, frozen=True):
    """The answer to a change: what was done, and the seq at which it became true."""

    body: Body
    seq: int


class Listing(msgspec.Struct, frozen=True):
    """A page of rows, and what to go on after; None at the end. `seq`: the state's it is of."""

    rows: list[Body]
    next: Json
    seq: int


def stored(version: Stored) -> Body:
    """The receipt of a PUT: {key, size_bytes, sha256, seq}."""
    return {
        "key": version.key,
        "size_bytes": version.size_bytes,
        "sha256": version.sha256,
        "seq": version.seq,
    }


def listed(version: Stored) -> Body:
    """A row of a listing: a receipt and when it was."""
    return stored(version) | {"created_at": version.at}


def manifest(dataset: Dataset, inventory: Inventory) -> Body:
    """A dataset, whole: {dataset_id, name, schema_fingerprint, schema, objects, row_count, …}."""
    schema: Json = None
    if dataset.schema is not None:
        schema = [{"name": column.name, "type": column.type} for column in dataset.schema]
    body = summary(dataset)
    return {
        "dataset_id": body.pop("dataset_id"),
        "name": body.pop("name"),
        "schema_fingerprint": body.pop("schema_fingerprint"),
        "schema": schema,
        "objects": [
            {
                "key": item.key,
                "size_bytes": item.size_bytes,
                "sha256": item.sha256,
                "row_count": item.row_count,
                "version": version.seq if (version := inventory.blobs.get(item.blob)) else None,
            }
            for item in dataset.objects
        ],
        **body,
    }


def summary(dataset: Dataset) -> Body:
    """A manifest without schema and objects."""
    return {
        "dataset_id": dataset.dataset_id,
        "name": dataset.name,
        "schema_fingerprint": dataset.schema_fingerprint,
        "row_count": dataset.row_count,
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
        "seq": dataset.seq,
    }


def ingested(
    dataset: Dataset, state: State, event: Event, *, reused: bool, duplicate_of: int | None
) -> Body:
    """A manifest, and what the file brought; `event` is the one that brought it."""
    data = event.data
    content = data if isinstance(data, Content | DatasetRestored) else None
    aside = content.quarantine if content else ()
    body = manifest(dataset, state.inventory) | {
        "rows_ingested": content.row_count if content else None,
        "rows_quarantined": sum(item.row_count or 0 for item in aside),
        "quarantine": _quarantine(aside[0]) if aside else None,
        "source": _source(content.source) if content and content.source else None,
        "renamed": renamed(content.renamed) if content else [],
        "reused": reused,
    }
    return body if duplicate_of is None else body | {"duplicate_of": duplicate_of}


def renamed(columns: Sequence[Renamed]) -> list[Json]:
    """Rows {position, was, name} of the columns that could not be named as written."""
    return [msgspec.to_builtins(each) for each in columns]


def event(header: Header, detail: Event) -> Body:
    """One event as the feed tells it: its line, and the position and the time of its slot."""
    line: Mapping[str, Json] = msgspec.to_builtins(detail)
    place: Body = {"seq": line["seq"], "position": header.position, "at": header.at}
    return place | {name: value for name, value in line.items() if name != "seq"}


def _quarantine(item: Object) -> Body:
    return {"key": item.key, "size_bytes": item.size_bytes, "sha256": item.sha256}


def _source(source: Source) -> Body:
    return {"sha256": source.sha256, "size_bytes": source.size_bytes}
