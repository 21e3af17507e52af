"""The shapes of answers, for the OpenAPI document. Every answer's members are exactly these.

The bodies themselves are made by `lakehouse.receipts` and the services; a test holds them to this.
"""

from typing import Any

import msgspec


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer, or a part of one."""


class StoredObject(Shape, frozen=True):
    """The receipt of a PUT."""

    key: str
    size_bytes: int
    sha256: str
    seq: int


class ListedObject(Shape, frozen=True):
    """A key's current version."""

    key: str
    size_bytes: int
    sha256: str
    seq: int
    created_at: str


class ObjectPage(Shape, frozen=True):
    """Keys in byte order; `next` goes into `after`, null at the end."""

    objects: list[ListedObject]
    next: str | None


class SchemaColumn(Shape, frozen=True):
    """A column's name and its Arrow type's."""

    name: str
    type: str


class ManifestObject(Shape, frozen=True):
    """An object of a dataset; `version` is the seq of the event that stored it, for `as_of`."""

    key: str
    size_bytes: int
    sha256: str
    row_count: int | None
    version: int | None


class Summary(Shape, frozen=True):
    """A dataset without schema and objects."""

    dataset_id: str
    name: str
    schema_fingerprint: str
    row_count: int | None
    created_at: str
    updated_at: str
    seq: int


class Manifest(Summary, frozen=True, kw_only=True):
    """A dataset; what was registered over keys has no schema."""

    schema: list[SchemaColumn] | None
    objects: list[ManifestObject]


class ReceivedFile(Shape, frozen=True):
    """A file as it was received."""

    sha256: str
    size_bytes: int


class QuarantineObject(Shape, frozen=True):
    """The Parquet file of the rows that were set aside; its `key` is read from storage."""

    key: str
    size_bytes: int
    sha256: str


class RenamedColumn(Shape, frozen=True):
    """A header cell that could not be a name as written; `position` counts from 1."""

    position: int
    was: str
    name: str


class IngestReceipt(Manifest, frozen=True, kw_only=True):
    """A manifest, and what the file brought."""

    rows_ingested: int | None
    rows_quarantined: int
    quarantine: QuarantineObject | None
    source: ReceivedFile | None
    renamed: list[RenamedColumn]
    reused: bool
    duplicate_of: int | msgspec.UnsetType = msgspec.UNSET


class BadRow(Shape, frozen=True):
    """A row that cannot be read, or has a value that does not fit its column."""

    line: int
    column: str | None
    reason: str


class Refusal(Shape, frozen=True):
    """How an ingest would be refused."""

    code: str
    status: int
    detail: str
    errors: list[dict[str, Any]]


class Rehearsal(Shape, frozen=True):
    """What an ingest would do (`dry_run`): `outcome` is create, replace, append, reuse or refuse."""

    dry_run: bool
    name: str
    source: ReceivedFile
    seq: int
    outcome: str
    schema: list[SchemaColumn] | None
    schema_fingerprint: str | None
    rows_ingested: int
    rows_quarantined: int
    row_count: int | None
    reused: bool
    rows_good: int | None
    rows_bad: int | None
    bad_rows: list[BadRow]
    renamed: list[RenamedColumn]
    refused: Refusal | None


class ListedDataset(Summary, frozen=True, kw_only=True):
    """A manifest, with `summary` without schema and objects."""

    schema: list[SchemaColumn] | msgspec.UnsetType | None = msgspec.UNSET
    objects: list[ManifestObject] | msgspec.UnsetType = msgspec.UNSET


class DatasetPage(Shape, frozen=True):
    """Datasets in name order."""

    datasets: list[ListedDataset]
    seq: int
    next: str | None


class Dropped(Shape, frozen=True):
    """The receipt of a drop."""

    name: str
    dataset_id: str
    seq: int


class Mention(Shape, frozen=True):
    """An entity that an event is about; `prev` is [slot, seq] of its event before, null at first."""

    entity: str
    prev: tuple[int, int] | None


class JournalEvent(Shape, frozen=True):
    """An event as it stands in the journal, with its slot's position and time."""

    seq: int
    position: int
    at: str
    type: str
    v: int
    command: str
    key: str | None
    request: str | None
    actor: str
    reason: str | None
    correlation: str | None
    about: list[Mention]
    data: dict[str, Any]


class EventPage(Shape, frozen=True):
    """Events, oldest first; `next` goes into `after`, null at the end."""

    events: list[JournalEvent]
    next: int | None


class JournalHead(Shape, frozen=True):
    """The last event and its slot; of an empty journal 0, 0, null, null."""

    seq: int
    slot: int
    sha256: str | None
    at: str | None


class ResultColumn(Shape, frozen=True):
    """A column's name and DuckDB's name for its type."""

    name: str
    type: str


class SqlResult(Shape, frozen=True):
    """Rows as lists, in the order of the columns."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    row_count: int


class RunningQuery(Shape, frozen=True):
    """A query that runs, or waits for a worker."""

    query_id: str
    state: str
    actor: str
    sql: str
    format: str
    seq: int
    started_at: str
    elapsed_ms: int
    size_bytes: int


class RunningQueries(Shape, frozen=True):
    """The queries of this process, oldest first."""

    queries: list[RunningQuery]


class CalledOff(Shape, frozen=True):
    """How many queries of that name were called off."""

    query_id: str
    cancelled: int


class Span(Shape, frozen=True, rename={"first": "from", "last": "to"}):
    """A number before and after; null where there was or is no dataset, or it is not known."""

    first: int | None
    last: int | None


class ObjectChanges(Shape, frozen=True):
    """Keys of the objects that came and went."""

    added: list[str]
    removed: list[str]


class Difference(Shape, frozen=True):
    """What became of one dataset: `added`, `dropped` or `changed`; columns as schema_conflict has them."""

    name: str
    change: str
    rows: Span
    objects: ObjectChanges
    schema: list[dict[str, Any]]
    seq: Span


class Differences(Shape, frozen=True, rename={"first": "from"}):
    """What differs between two moments."""

    first: int
    to: int
    datasets: list[Difference]


class PinReceipt(Shape, frozen=True):
    """What is kept, or no longer; `seq` is the event's that says so."""

    name: str
    as_of_seq: int
    seq: int


class ListedPin(PinReceipt, frozen=True, kw_only=True):
    """A pin, with who made it and why."""

    objects: int
    at: str
    actor: str
    reason: str | None


class Pins(Shape, frozen=True):
    """All pins, oldest first."""

    pins: list[ListedPin]


class Undone(Shape, frozen=True):
    """What undoes a change, and what differs by it; `type` is null where nothing needs to be done."""

    dry_run: bool
    undoes: int
    undone_type: str
    type: str | None
    datasets: list[Difference]
    key: str | None
    seq: int


class FoundObject(Shape, frozen=True):
    """An object that nothing refers to, or that is foreign; `key` is what it was stored under."""

    object: str
    key: str | None
    size_bytes: int | None
    verdict: str
    why: str
    since: int | None


class CollectionReport(Shape, frozen=True):
    """What nothing refers to any more, and, unless it was a dry run, what became of it."""

    dry_run: bool
    run: str
    cutoff_seq: int
    objects: list[FoundObject]
    object_count: int
    size_bytes: int
    foreign: list[FoundObject]
    foreign_count: int
    seq: int
    marked: int | msgspec.UnsetType = msgspec.UNSET
    marked_bytes: int | msgspec.UnsetType = msgspec.UNSET
    deleted: int | msgspec.UnsetType = msgspec.UNSET
    deleted_again: int | msgspec.UnsetType = msgspec.UNSET
    left: int | msgspec.UnsetType = msgspec.UNSET
    aborted_uploads: int | msgspec.UnsetType = msgspec.UNSET


class Health(Shape, frozen=True):
    """The process runs."""

    status: str
    service: str


class Ready(Shape, frozen=True):
    """The process can serve, and has folded up to `seq`."""

    status: str
    seq: int


class Problem(Shape, frozen=True):
    """A refusal (RFC 9457). Go by `code`: it is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool
    hint: str
    errors: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
