"""State and events as the structs that users see. Pure: keys, never the names of blobs."""

from collections.abc import Sequence
from typing import Any

import msgspec

from journal.event_lines import Envelope
from journal.events import (
    Column,
    Content,
    DatasetRestored,
    DatasetRewritten,
    Event,
    Object,
    ObjectForgotten,
    ObjectStored,
    Renamed,
    Rounded,
    Source,
)
from journal.slot import Head, Header
from lakehouse.api.catalog.datasets import (
    ListedDataset,
    Manifest,
    ManifestObject,
    ManifestPage,
    SchemaColumn,
    Summary,
)
from lakehouse.api.catalog.definitions import AliasTarget, Profile, SafeDefinition, View
from lakehouse.api.console.journal import EventGlance
from lakehouse.api.console.overview import DatasetGlance, Order
from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.api.history.journal import JournalEvent, JournalHead, Mention
from lakehouse.api.ingest.answers import (
    IngestReceipt,
    QuarantineObject,
    ReceivedFile,
    RenamedColumn,
    RoundedColumn,
    StagedIngest,
)
from lakehouse.api.storage import ListedObject, StoredObject
from lakehouse.domain.commands import IngestDataset
from lakehouse.query.reserved_words import quoting_hint
from projections import definitions
from projections.catalog import Dataset
from projections.definitions import ViewDefinition
from projections.erasure import replacements as erasures
from projections.fold import State
from projections.inventory import Inventory, Stored

EMPTY_HEAD = JournalHead(0, 0, None, None)


_OF_KEYS = (ObjectStored.TYPE, ObjectForgotten.TYPE)


class _Keyed(msgspec.Struct, frozen=True):
    """What is read of the data of an event about a key."""

    key: str


def stored(version: Stored) -> StoredObject:
    """What a PUT answers."""
    return StoredObject(version.key, version.size_bytes, version.sha256, version.seq)


def listed(version: Stored) -> ListedObject:
    """A row of a list of objects."""
    return ListedObject(version.key, version.size_bytes, version.sha256, version.seq, version.at)


def manifest(dataset: Dataset, inventory: Inventory) -> Manifest:
    """A dataset with its schema and objects."""
    return Manifest(
        dataset.dataset_id,
        dataset.name,
        dataset.schema_fingerprint,
        columns(dataset.schema) if dataset.schema is not None else None,
        [_object(item, inventory) for item in dataset.objects],
        dataset.row_count,
        dataset.created_at,
        dataset.updated_at,
        dataset.seq,
        quoting_hint(dataset.name) or msgspec.UNSET,
    )


def manifest_page(
    dataset: Dataset, inventory: Inventory, after: int, limit: int | None
) -> ManifestPage:
    """A dataset with the objects behind the first `after`: at most `limit`, or all."""
    end = len(dataset.objects) if limit is None else after + limit
    page = msgspec.structs.replace(dataset, objects=dataset.objects[after:end])
    more = end if end < len(dataset.objects) else None
    return ManifestPage(
        **msgspec.structs.asdict(manifest(page, inventory)),
        next=msgspec.UNSET if limit is None else more,
    )


def summary(dataset: Dataset) -> Summary:
    """A dataset without its schema and objects."""
    return Summary(
        dataset.dataset_id,
        dataset.name,
        dataset.schema_fingerprint,
        dataset.row_count,
        dataset.created_at,
        dataset.updated_at,
        dataset.seq,
    )


def listed_dataset(dataset: Dataset, inventory: Inventory | None) -> ListedDataset:
    """A row of a list of datasets; without an inventory it has no schema and no objects."""
    if inventory is None:
        return ListedDataset(**msgspec.structs.asdict(summary(dataset)))
    return ListedDataset(**msgspec.structs.asdict(manifest(dataset, inventory)))


def in_order(datasets: list[Dataset], order: Order) -> list[Dataset]:
    """By name; or the largest, or the last changed, first, and then by name."""
    by_name = sorted(datasets, key=lambda each: each.name)
    if order == "rows":
        return sorted(by_name, key=lambda each: each.row_count or 0, reverse=True)
    if order == "updated":
        return sorted(by_name, key=lambda each: each.seq, reverse=True)
    return by_name


def glance(dataset: Dataset) -> DatasetGlance:
    """A dataset with the sizes of all its objects as one."""
    return DatasetGlance(
        dataset.name,
        dataset.row_count,
        sum(each.size_bytes for each in dataset.objects),
        len(dataset.objects),
        len(dataset.schema) if dataset.schema is not None else None,
        sum(each.row_count or 0 for each in dataset.quarantine),
        dataset.updated_at,
        dataset.seq,
    )


def ingested(
    dataset: Dataset, state: State, event: Event, *, reused: bool, duplicate_of: int | None
) -> IngestReceipt:
    """A dataset, and what `event`, an ingest, added to it: of its objects, those of the event."""
    data = event.data
    content = data if isinstance(data, Content | DatasetRestored | DatasetRewritten) else None
    # What was erased since has left the answer too, should the request be repeated.
    find = state.inventory.erased.get
    aside = erasures.succeeded(content.quarantine, find) if content else ()
    objects, rows_added, rows_removed = _brought(content)
    added = msgspec.structs.replace(dataset, objects=erasures.succeeded(objects, find))
    if rows_added is not None:
        rows_added -= erasures.removed(objects, find)[0]
    return IngestReceipt(
        **msgspec.structs.asdict(manifest(added, state.inventory)),
        rows_ingested=rows_added,
        rows_removed=rows_removed,
        rows_quarantined=sum(item.row_count or 0 for item in aside),
        quarantine=_quarantine(aside[0]) if aside else None,
        source=_source(content.source) if content and content.source else None,
        renamed=renamed(content.renamed) if content else [],
        rounded=rounded(content.rounded) if content else [],
        reused=reused,
        duplicate_of=msgspec.UNSET if duplicate_of is None else duplicate_of,
    )


def unchanged(dataset: Dataset, state: State, source: Source | None) -> IngestReceipt:
    """A dataset that a file without rows leaves as it is."""
    shown = manifest(msgspec.structs.replace(dataset, objects=()), state.inventory)
    return IngestReceipt(
        **msgspec.structs.asdict(shown),
        rows_ingested=0,
        rows_removed=0,
        rows_quarantined=0,
        quarantine=None,
        source=_source(source) if source else None,
        renamed=[],
        rounded=[],
        reused=True,
    )


def _brought(
    content: Content | DatasetRestored | DatasetRewritten | None,
) -> tuple[tuple[Object, ...], int | None, int]:
    """The objects that an event added, their number of rows, and how many rows it removed."""
    if content is None:
        return (), None, 0
    if not isinstance(content, DatasetRewritten):
        return content.objects, content.row_count, 0
    removed = sum(each.rows_removed for each in content.replaced)
    return content.added, sum(item.row_count or 0 for item in content.added), removed


def staged(
    identity: str,
    expires_at: str,
    ingest: IngestDataset,
    seq: int,
    reasons: Sequence[TypeReason] = (),
) -> StagedIngest:
    """What staging a file answers; its table is there."""
    table = ingest.table
    if table is None:
        raise ValueError("a file is staged after it is read")
    return StagedIngest(
        identity,
        expires_at,
        ingest.name,
        ingest.mode,
        columns(table.schema),
        table.schema_fingerprint,
        table.row_count,
        ingest.rewritten.rows_removed if ingest.rewritten else 0,
        sum(item.row_count or 0 for item in table.quarantine),
        _source(ingest.source) if ingest.source else None,
        renamed(table.renamed),
        list(reasons),
        seq,
    )


def view(found: ViewDefinition) -> View:
    """A view as users see it."""
    safe = found.safe
    return View(
        found.name,
        found.sql,
        SafeDefinition(safe.of, dict(safe.masks), safe.rows, list(safe.unmasked)) if safe else None,
        found.comment,
        columns(found.columns),
        list(found.reads),
        found.created_at,
        found.updated_at,
        found.seq,
    )


def profile(found: definitions.Profile) -> Profile:
    """A profile as users see it."""
    names = {each.alias: AliasTarget(each.to, _moment(each.as_of)) for each in found.names}
    others: Any = found.others
    return Profile(found.name, names, others, found.created_at, found.updated_at, found.seq)


def _moment(as_of: str | None) -> int | str | None:
    """The number of an event as a number, as it was sent; events have it as text."""
    return int(as_of) if as_of is not None and as_of.isdecimal() else as_of


def columns(schema: Sequence[Column]) -> list[SchemaColumn]:
    """The columns of a schema."""
    return [SchemaColumn(each.name, each.type) for each in schema]


def renamed(found: Sequence[Renamed]) -> list[RenamedColumn]:
    """Header cells that cannot be the names of columns."""
    return [RenamedColumn(each.position, each.was, each.name) for each in found]


def rounded(found: Sequence[Rounded]) -> list[RoundedColumn]:
    """Columns some of whose values were stored as the nearest double."""
    return [RoundedColumn(each.name, each.count) for each in found]


def journal_event(header: Header, event: Event) -> JournalEvent:
    """An event, with the position and the time of its slot."""
    return JournalEvent(
        event.seq,
        header.position,
        header.at,
        event.type,
        event.v,
        event.command,
        event.key,
        event.request,
        event.actor,
        event.reason,
        event.correlation,
        [Mention(each.entity, each.prev) for each in event.about],
        msgspec.to_builtins(event.data),
        event.on_behalf_of,
    )


def event_glance(header: Header, event: Event | Envelope) -> EventGlance:
    """An event without its data, with the time of its slot."""
    about = [each.entity for each in event.about]
    if event.type in _OF_KEYS:
        about.append(f"object:{_key_of(event)}")
    return EventGlance(event.seq, header.at, event.type, event.actor, event.reason, about)


def _key_of(event: Event | Envelope) -> str:
    """The key of storage that an event is about, if its type is one of `_OF_KEYS`."""
    if isinstance(event, Envelope):
        return msgspec.json.decode(event.data, type=_Keyed).key
    if not isinstance(event.data, ObjectStored | ObjectForgotten):
        raise TypeError(f"an event {event.type} has no key")
    return event.data.key


def journal_head(head: Head) -> JournalHead:
    """The last event and its slot."""
    if head.position == 0:
        return EMPTY_HEAD
    return JournalHead(head.seq, head.position, head.sha256, head.at)


def _object(item: Object, inventory: Inventory) -> ManifestObject:
    version = inventory.blobs.get(item.blob)
    return ManifestObject(
        item.key, item.size_bytes, item.sha256, item.row_count, version.seq if version else None
    )


def _quarantine(item: Object) -> QuarantineObject:
    return QuarantineObject(item.key, item.size_bytes, item.sha256)


def _source(source: Source) -> ReceivedFile:
    return ReceivedFile(source.sha256, source.size_bytes)
